// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=7200 full
 *
 * feedrand.c, with 100,000 steps.
 */
#define ROUNDS	1000
#define STEPS	100
#include "tests/guest/feedrand.c"
