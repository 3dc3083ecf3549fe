/* SPDX-License-Identifier: GPL-2.0 */
/* Faults on demand: only in debug builds of the module (make modules VEXFS_DEBUG=1). */
#ifndef VEXFS_KMOD_DEBUGFS_H
#define VEXFS_KMOD_DEBUGFS_H

#ifdef VEXFS_DEBUG
void vexfs_debugfs_init(void);
void vexfs_debugfs_exit(void);
#else
static inline void vexfs_debugfs_init(void) { }
static inline void vexfs_debugfs_exit(void) { }
#endif

#endif /* VEXFS_KMOD_DEBUGFS_H */
