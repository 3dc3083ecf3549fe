// SPDX-License-Identifier: GPL-2.0
#include "tools/fsck/fsck.h"

int main(int argc, char **argv)
{
	return fsck_main(argc, argv);
}
