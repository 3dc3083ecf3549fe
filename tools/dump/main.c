// SPDX-License-Identifier: GPL-2.0
#include "tools/dump/dump.h"
#include "tools/output.h"

int main(int argc, char **argv)
{
	return output_status("dump.vexfs", dump_main(argc, argv), 1);
}
