# SPDX-License-Identifier: GPL-2.0-only
#
# For Packer 1.7 and later only: `packer init env/image/plugins.pkr.hcl` installs the one plugin, and
# vexfs.pkr.hcl then finds it. Debian's Packer 1.6 has it built in, knows no required_plugins and is never
# shown this file.
packer {
  required_plugins {
    qemu = {
      version = ">= 1.0.9"
      source  = "github.com/hashicorp/qemu"
    }
  }
}
