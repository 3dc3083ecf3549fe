// SPDX-License-Identifier: GPL-2.0
/* needs: disk=test:32M mem=512M time=120 */
#define SLICE 1
#include "tests/guest/matrix_space.h"
