// SPDX-License-Identifier: GPL-2.0
#include "tools/dump/dump.h"

int main(int argc, char **argv)
{
	return dump_main(argc, argv);
}
