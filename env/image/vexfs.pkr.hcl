# SPDX-License-Identifier: GPL-2.0-only
#
# Debian images with VexFS in them. `./vex image build` makes what the variables name and runs this; by hand:
#
#   packer build -only=install.qemu.installer -var ... env/image/vexfs.pkr.hcl    stage one of the installer
#   packer build -only=image.qemu.installed   -var ... env/image/vexfs.pkr.hcl    stage two of the installer
#   packer build -only=image.qemu.bootstrap   -var ... env/image/vexfs.pkr.hcl    the bootstrapped disk
#
# Works with Debian's Packer 1.6.6 and with current ones (those need `packer init env/image/plugins.pkr.hcl` once).
# Name this file and not the directory: 1.6.6 would stumble over plugins.pkr.hcl.

variable "variant" {
  type        = string
  default     = "dev"
  description = "What goes in: dev, test or debug."
}

variable "disk" {
  type        = string
  description = "The disk to start from: empty for the installer, installed, or bootstrapped."
}

variable "kernel" {
  type        = string
  default     = ""
  description = "Kernel of the direct boot: the installer's, or the bootstrapped disk's."
}

variable "initrd" {
  type        = string
  default     = ""
  description = "Initial RAM disk of the direct boot."
}

variable "cmdline" {
  type        = string
  default     = "console=ttyS0,115200"
  description = "Kernel command line of the direct boot, from settings.sh."
}

variable "iso" {
  type        = string
  default     = ""
  description = "Official ISO or netinst for the installer to take its components from; empty: the archive."
}

variable "payload" {
  type        = string
  description = "Directory the provisioners find as /tmp/vexfs-payload."
}

variable "http" {
  type        = string
  default     = "."
  description = "Directory with preseed.cfg, served to the installer."
}

variable "key" {
  type        = string
  default     = ""
  description = "Private SSH key of this build."
}

variable "output" {
  type        = string
  description = "Directory to leave disk.qcow2 in; must not exist."
}

variable "serial" {
  type        = string
  description = "File for the serial console; ./vex watches it for stalls."
}

variable "accel" {
  type        = string
  default     = "tcg,thread=multi,tb-size=512"
  description = "QEMU's -accel: kvm, or tcg and its options."
}

variable "size" {
  type        = map(string)
  default     = { cpus = "2", memory = "2048" }
  description = "Processors, as for -smp, and megabytes of the guest."
}

variable "environment" {
  type        = list(string)
  default     = []
  description = "Host environment variables for the provisioners, NAME=VALUE; nothing else of the host's gets in."
}

variable "timeout" {
  type        = string
  default     = "60m"
  description = "How long a guest may take to answer SSH, to install, and to shut down; scaled by ./vex."
}

locals {
  # Arguments of Packer that are replaced whole: -device and -netdev name what Packer would have named.
  machine = [
    ["-machine", "q35"],
    ["-accel", var.accel],
    ["-cpu", "max"],
    ["-smp", var.size.cpus],
    ["-m", var.size.memory],
    ["-device", "virtio-net-pci,netdev=user.0"],
    ["-device", "virtio-rng-pci"],
    ["-serial", "file:${var.serial}"],
    ["-no-user-config", ""],
  ]
  # Host ports on the loop-back address only.
  ssh    = [["-netdev", "user,id=user.0,hostfwd=tcp:127.0.0.1:{{ .SSHHostPort }}-:22"]]
  direct = [["-kernel", var.kernel], ["-initrd", var.initrd]]
  cdrom  = var.iso == "" ? [] : [["-cdrom", var.iso]]
  # The installer asks nothing whose answer is not here or in preseed.cfg.
  install = join(" ", [
    "auto=true priority=critical url=http://{{ .HTTPIP }}:{{ .HTTPPort }}/preseed.cfg",
    "DEBIAN_FRONTEND=text BOOT_DEBUG=1 console=ttyS0,115200 --- console=ttyS0,115200",
  ])
  shutdown = "systemctl poweroff"
}

# Stage one of the installer: nobody logs in; the guest powers itself off when it is done.
source "qemu" "installer" {
  iso_url          = var.disk
  iso_checksum     = "none"
  disk_image       = true
  skip_resize_disk = true # else Packer makes 40 GB of it
  communicator     = "none"
  http_directory   = var.http
  shutdown_timeout = var.timeout
  output_directory = var.output
  vm_name          = "disk.qcow2"
  format           = "qcow2"
  disk_interface   = "virtio"
  disk_cache       = "unsafe"
  disk_discard     = "unmap"
  accelerator      = "none"
  headless         = true
  boot_wait        = "1s"
  qemuargs = concat(local.machine, local.direct, local.cdrom, [
    ["-netdev", "user,id=user.0"],
    ["-no-reboot", ""],
    ["-append", local.install],
  ])
}

# Stage two: the installed disk boots by its own boot loader.
source "qemu" "installed" {
  iso_url              = var.disk
  iso_checksum         = "none"
  disk_image           = true
  skip_resize_disk     = true
  communicator         = "ssh"
  ssh_username         = "root"
  ssh_private_key_file = var.key
  ssh_timeout          = var.timeout
  shutdown_command     = local.shutdown
  shutdown_timeout     = var.timeout
  output_directory     = var.output
  vm_name              = "disk.qcow2"
  format               = "qcow2"
  disk_interface       = "virtio"
  disk_cache           = "unsafe"
  disk_discard         = "unmap"
  accelerator          = "none"
  headless             = true
  boot_wait            = "1s"
  qemuargs             = concat(local.machine, local.ssh)
}

# The bootstrapped disk has no boot loader yet: its first boot is a direct one.
source "qemu" "bootstrap" {
  iso_url              = var.disk
  iso_checksum         = "none"
  disk_image           = true
  skip_resize_disk     = true
  communicator         = "ssh"
  ssh_username         = "root"
  ssh_private_key_file = var.key
  ssh_timeout          = var.timeout
  shutdown_command     = local.shutdown
  shutdown_timeout     = var.timeout
  output_directory     = var.output
  vm_name              = "disk.qcow2"
  format               = "qcow2"
  disk_interface       = "virtio"
  disk_cache           = "unsafe"
  disk_discard         = "unmap"
  accelerator          = "none"
  headless             = true
  boot_wait            = "1s"
  qemuargs = concat(local.machine, local.ssh, local.direct, [
    ["-append", var.cmdline],
  ])
}

build {
  name    = "install"
  sources = ["source.qemu.installer"]
}

build {
  name    = "image"
  sources = ["source.qemu.installed", "source.qemu.bootstrap"]

  provisioner "shell" {
    inline = ["rm -rf /tmp/vexfs-payload && mkdir /tmp/vexfs-payload"]
  }

  provisioner "file" {
    source      = "${var.payload}/"
    destination = "/tmp/vexfs-payload"
  }

  # Every stage looks first and changes only what is not so yet: on a bootstrapped disk most of it is.
  provisioner "shell" {
    environment_vars = concat(["VEX_VARIANT=${var.variant}", "VEX_CHROOT=0"], var.environment)
    execute_command  = "{{ .Vars }} bash {{ .Path }}"
    inline = [
      "set -e",
      "for stage in /tmp/vexfs-payload/provision/[0-9]*.sh; do bash \"$stage\"; done",
    ]
  }
}
