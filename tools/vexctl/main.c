// SPDX-License-Identifier: GPL-2.0
/* vexctl: collections, embeddings and searches of a mounted VexFS. */
#include "tools/vexctl/vexctl.h"

int main(int argc, char **argv)
{
	return vexctl_main(argc, argv);
}
