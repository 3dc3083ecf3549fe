// SPDX-License-Identifier: GPL-2.0
#include "tools/mkfs/mkfs.h"
#include "tools/output.h"

int main(int argc, char **argv)
{
	return output_status("mkfs.vexfs", mkfs_main(argc, argv), 1);
}
