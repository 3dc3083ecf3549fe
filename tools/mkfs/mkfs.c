// SPDX-License-Identifier: GPL-2.0
/* mkfs.vexfs: safety checks, writing, summary. The format is lib/image_format.c's affair. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "tools/mkfs/mkfs.h"

#define PROGRESS_AFTER	2	/* seconds of silence before progress is shown */

/* ---- safety -------------------------------------------------------------- */

static int refuse_mounted(const char *path)
{
	char where[4096];
	int ret = vexfs_dev_mounted(path, where, sizeof(where));

	if (ret == 0)
		return 0;
	if (ret < 0)
		mkfs_complain("cannot find out whether %s is mounted: %s", path, strerror(-ret));
	else
		mkfs_complain("%s is mounted on %s: unmount it first", path, where);
	return MKFS_FAILED;
}

static int open_failed(const struct mkfs *m, int err)
{
	switch (err) {
	case -ENOENT:
		mkfs_complain("%s does not exist; to create an image file add its size: mkfs.vexfs %s 100M",
			      m->path, m->path);
		break;
	case -EBUSY:
		mkfs_complain("%s is in use (mounted, swap, or part of a volume): release it first",
			      m->path);
		break;
	case -ENOTBLK:
		mkfs_complain("%s is neither a block device nor a regular file", m->path);
		break;
	default:
		mkfs_complain("cannot open %s: %s", m->path, strerror(-err));
	}
	return MKFS_FAILED;
}

/*
 * A dry run opens read-only and creates nothing, but says what the real run
 * would say. A file that is to be created counts as an empty one.
 */
static int open_target(struct mkfs *m)
{
	int flags = m->dry ? O_RDONLY : O_RDWR | O_EXCL | (m->bytes ? O_CREAT : 0);
	bool exists = access(m->path, F_OK) == 0;
	int err = vexfs_dev_open(&m->dev, m->path, flags);

	m->created = !err && !exists;
	if (err == -ENOENT && m->dry && m->bytes)
		return 0;
	return err ? open_failed(m, err) : 0;
}

static int refuse_content(struct mkfs *m)
{
	char what[256];
	int ret;

	if (m->force || m->dev.fd < 0)
		return 0;
	ret = mkfs_probe(&m->dev, what, sizeof(what));
	if (ret < 0)
		mkfs_complain("cannot read %s: %s", m->path, strerror(-ret));
	else if (ret)
		mkfs_complain("%s contains %s; use -f to overwrite it", m->path, what);
	return ret ? MKFS_FAILED : 0;
}

static int choose_size(struct mkfs *m)
{
	if (m->bytes && m->dev.is_block && m->bytes > m->dev.bytes) {
		mkfs_complain("%s has %llu bytes, less than the %llu asked for", m->path,
			      (unsigned long long)m->dev.bytes, (unsigned long long)m->bytes);
		return MKFS_FAILED;
	}
	m->f.blocks = (m->bytes ? m->bytes : m->dev.bytes) >> VEXFS_BLOCK_SHIFT;
	if (!m->bytes && !m->dev.bytes && !m->dev.is_block) {
		mkfs_complain("%s is empty; add the size wanted: mkfs.vexfs %s 100M", m->path, m->path);
		return MKFS_FAILED;
	}
	return 0;
}

static int make_plan(struct mkfs *m)
{
	char why[256];

	if (vexfs_format_plan(&m->f, &m->sb, why, sizeof(why)) == 0)
		return 0;
	mkfs_complain("%s: %s", m->path, why);
	return MKFS_FAILED;
}

/* ---- doing it ------------------------------------------------------------ */

static void show_progress(void *ctx, const char *what, u64 done, u64 total)
{
	struct mkfs *m = ctx;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!m->started)
		m->started = now.tv_sec;
	if (now.tv_sec - m->started < PROGRESS_AFTER || (now.tv_sec == m->shown && done < total))
		return;
	m->shown = now.tv_sec;
	if (total)
		fprintf(stderr, "\rwriting %s: %llu of %llu%s", what, (unsigned long long)done,
			(unsigned long long)total, done == total ? "\n" : "");
	else
		fprintf(stderr, "\rcopying %s: %llu", what, (unsigned long long)done);
	fflush(stderr);
}

volatile sig_atomic_t mkfs_stopped;

static void stop(int sig)
{
	mkfs_stopped = sig;
}

static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP };

/* Signals that ask to stop are noticed between two steps; what was ignored stays so. */
static void catch_signals(struct sigaction *old)
{
	struct sigaction sa = { .sa_handler = stop, .sa_flags = SA_RESTART };
	size_t i;

	mkfs_stopped = 0;
	for (i = 0; i < ARRAY_SIZE(stop_signals); i++) {
		sigaction(stop_signals[i], NULL, &old[i]);
		if (old[i].sa_handler != SIG_IGN)
			sigaction(stop_signals[i], &sa, NULL);
	}
}

static void restore_signals(const struct sigaction *old)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(stop_signals); i++)
		sigaction(stop_signals[i], &old[i], NULL);
}

/* All of it. The superblock comes last: an image cut short is not a filesystem. */
static int write_steps(struct mkfs *m)
{
	int err = vexfs_format_begin(&m->dev, &m->f, &m->sb);

	if (!err && m->src.dir)
		err = mkfs_populate(&m->dev, &m->src, &m->f, &m->sb);
	if (!err)
		err = mkfs_feed(&m->dev, &m->f, &m->sb);
	if (!err)
		err = mkfs_quota(&m->dev, &m->sb, &m->src.used);
	if (!err && mkfs_stopped)
		err = -EINTR;
	return err ? err : vexfs_format_finish(&m->dev, &m->f, &m->sb);
}

/* A file of our own making goes; of a device or another file, the superblock has gone. */
static int give_up(struct mkfs *m, int err)
{
	bool gone = m->created && unlink(m->path) == 0;

	mkfs_complain("writing %s failed: %s; %s", m->path,
		      mkfs_stopped ? "interrupted" : strerror(-err),
		      gone ? "the file was removed" : "it holds no filesystem now");
	return MKFS_FAILED;
}

static int write_it(struct mkfs *m)
{
	struct sigaction old[ARRAY_SIZE(stop_signals)];
	int err = m->dev.is_block ? 0 : vexfs_dev_extend(&m->dev, m->bytes);

	if (err) {
		mkfs_complain("cannot make %s %llu bytes long: %s", m->path,
			      (unsigned long long)m->bytes, strerror(-err));
		return MKFS_FAILED;
	}
	if (!m->quiet && isatty(STDERR_FILENO)) {
		m->f.progress = show_progress;
		m->f.ctx = m;
	}
	catch_signals(old);
	err = write_steps(m);
	restore_signals(old);
	return err ? give_up(m, err) : 0;
}

static void summary(const struct mkfs *m)
{
	const struct vexfs_super_block *sb = &m->sb;
	u64 blocks = le64_to_cpu(sb->s_blocks);
	u64 inodes = (u64)le32_to_cpu(sb->s_groups) * le32_to_cpu(sb->s_inodes_per_group);
	char size[24], free[24], journal[24], uuid[37];

	uuid_unparse(sb->s_uuid, uuid);
	printf("%s: VexFS version %d%s\n", m->path, VEXFS_VERSION,
	       m->dry ? " (dry run, nothing was written)" : "");
	printf("  label    %s\n", m->f.label[0] ? m->f.label : "(none)");
	printf("  uuid     %s\n", uuid);
	printf("  size     %s, %llu blocks of %d bytes in %u group%s\n",
	       vexfs_format_size(blocks << VEXFS_BLOCK_SHIFT, size, sizeof(size)),
	       (unsigned long long)blocks, VEXFS_BLOCK_SIZE, le32_to_cpu(sb->s_groups),
	       le32_to_cpu(sb->s_groups) == 1 ? "" : "s");
	printf("  free     %s\n", vexfs_format_size((vexfs_format_free_blocks(sb) - m->src.used)
						     << VEXFS_BLOCK_SHIFT, free, sizeof(free)));
	printf("  inodes   %llu, %u per group\n", (unsigned long long)inodes,
	       le32_to_cpu(sb->s_inodes_per_group));
	printf("  journal  %s at block %llu\n",
	       vexfs_format_size((u64)le32_to_cpu(sb->s_journal_blocks) << VEXFS_BLOCK_SHIFT,
				 journal, sizeof(journal)),
	       (unsigned long long)le64_to_cpu(sb->s_journal_start));
}

static void defaults(struct mkfs *m)
{
	memset(m, 0, sizeof(*m));
	m->dev.fd = -1;
	m->f.now = time(NULL);
	m->f.discard = true;
}

static int run(struct mkfs *m)
{
	int ret = refuse_mounted(m->path);

	if (!ret)
		ret = mkfs_identity(m);
	/* A size that cannot work must not leave a new, empty file behind. */
	m->f.blocks = m->bytes >> VEXFS_BLOCK_SHIFT;
	if (!ret && m->bytes)
		ret = make_plan(m);
	if (!ret)
		ret = open_target(m);
	if (!ret)
		ret = refuse_content(m);
	if (!ret)
		ret = choose_size(m);
	if (!ret)
		ret = make_plan(m);
	if (!ret && !m->dry)
		ret = write_it(m);
	if (!ret && !m->quiet)
		summary(m);
	return ret;
}

int mkfs_main(int argc, char **argv)
{
	struct mkfs m;
	int ret, err;

	defaults(&m);
	ret = mkfs_parse(&m, argc, argv);
	if (ret >= 0)
		return ret;
	ret = run(&m);
	err = vexfs_dev_close(&m.dev);
	if (err && !ret) {
		mkfs_complain("closing %s failed: %s", m.path, strerror(-err));
		ret = MKFS_FAILED;
	}
	return ret;
}
