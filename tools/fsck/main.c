// SPDX-License-Identifier: GPL-2.0
#include "tools/fsck/fsck.h"
#include "tools/output.h"

int main(int argc, char **argv)
{
	return output_status("fsck.vexfs", fsck_main(argc, argv), FSCK_FAILED);
}
