// SPDX-License-Identifier: GPL-2.0
#include "tools/output.h"
#include "tools/tune/tune.h"

int main(int argc, char **argv)
{
	return output_status("tune.vexfs", tune_main(argc, argv), TUNE_FAILED);
}
