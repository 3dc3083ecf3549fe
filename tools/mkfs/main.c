// SPDX-License-Identifier: GPL-2.0
#include "tools/mkfs/mkfs.h"

int main(int argc, char **argv)
{
	return mkfs_main(argc, argv);
}
