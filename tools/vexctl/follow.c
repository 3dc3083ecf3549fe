// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl export --follow: a copy of the embeddings elsewhere, kept current
 *
 * The filesystem's change feed wakes it and says which files were written, made or moved: those are looked at. That an
 * embedding was set or deleted, or a file removed, the feed does not tell: a *pass* over the directory finds it, with
 * one stat(2) for each file, because all but the last move the file's ctime. A pass follows soon after the feed has
 * told something, and otherwise every --interval seconds; it takes a fifth of the time at most.
 *
 * What follows from a pass is compared with what the reader was told (follow_state.c), so nothing is lost by a restart,
 * a feed that was turned off and on, or a mark that is too old.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/vexctl/follow.h"

#define SLICE_MS	1000	/* a signal that comes just before a wait is noticed after so long */
#define GATHER_US	200000	/* between two looks: changes that come together are told together */
#define SOON		2.0	/* after the feed told something, a pass finds what was set because of it */
#define SHARE		4	/* a pass is followed by a pause of so many times its length */
#define BATCH		256	/* operations */
#define LIST_BATCH	32
#define COMPLAINTS_MAX	10

/**
 * struct following - one run
 * @len:     of the directory's path in paths below it, with the slash
 * @racy:    when the look at hand began: a ctime of that time may not be the last
 * @pass:    number of the last pass
 * @again:   a directory was moved during the pass: what is below may have been missed
 * @damaged: something could not be read in this pass: what was not met may still be there
 * @first:   the reader begins from nothing
 * @no_feed: the filesystem keeps none
 * @gone:    the collection was dropped, or is not the caller's to read
 */
struct following {
	const struct options *opt;
	struct target dir;
	struct vexfs_ioc_collection coll;
	struct state state;
	struct stream out;
	struct feed *feed;
	void *data;
	size_t len;
	struct timespec racy;
	uint32_t pass;
	uint64_t unread;
	double pass_end, pass_time, woken, busy;
	bool again, damaged, first, no_feed, gone;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = 1;
}

bool follow_stopped(void)
{
	return stop;
}

static int no_memory(void)
{
	say_error("out of memory");
	return EXIT_FAILED;
}

/* ---- batches --------------------------------------------------------------------------- */

static uint64_t batch(const struct following *x)
{
	return x->state.seq + 1;
}

/* First the state, then the output: the reader never has more than the state. */
static int end_batch(struct following *x)
{
	struct vexfs_feed_mark mark;
	int ret;

	if (!x->out.ops)
		return EXIT_OK;
	ret = state_commit(&x->state);
	mark = (struct vexfs_feed_mark){ x->state.id, x->state.seq };
	x->busy = now_seconds();
	return ret ? ret : stream_flush(&x->out, &mark);
}

static int maybe_end_batch(struct following *x)
{
	return x->out.ops >= BATCH ? end_batch(x) : EXIT_OK;
}

/* ---- one file -------------------------------------------------------------------------- */

static uint64_t digest_of(const struct vexfs_embedding *e)
{
	const uint64_t range[2] = { e->range_off, e->range_len };
	const unsigned char *p = e->data;
	uint64_t d = 0xcbf29ce484222325u;
	size_t i;

	for (i = 0; i < 2; i++)
		d = (d ^ range[i]) * 0x100000001b3u;
	for (i = 0; i < e->bytes; i++)
		d = (d ^ p[i]) * 0x100000001b3u;
	return d ^ d >> 29;
}

static int tell_set(struct following *x, struct known_file *f, const struct vexfs_embedding *e, uint64_t digest)
{
	struct known_chunk *c = known_chunk(f, e->chunk);
	struct vector v;

	if (!c)
		c = known_chunk_add(f, e->chunk);
	if (!c || state_dirty(&x->state, f) || vector_decode(e->data, e->bytes, x->coll.elem, &v))
		return no_memory();
	*c = (struct known_chunk){
		.chunk = e->chunk, .here = true, .digest = digest, .set_at = batch(x),
		.stale_at = e->stale ? batch(x) : 0,
	};
	stream_set(&x->out, f, e, &v);
	vector_free(&v);
	return maybe_end_batch(x);
}

static int tell_stale(struct following *x, struct known_file *f, struct known_chunk *c)
{
	c->stale_at = batch(x);
	if (state_dirty(&x->state, f))
		return no_memory();
	stream_stale(&x->out, f, c->chunk);
	return maybe_end_batch(x);
}

/* EXIT_*, or a negative errno: this file could not be read. */
static int look_chunk(struct following *x, struct known_file *f, int fd, uint32_t chunk)
{
	struct vexfs_embedding e = {
		.collection = x->coll.name, .chunk = chunk, .data = x->data,
		.bytes = x->coll.dim * elem_size(x->coll.elem),
	};
	struct known_chunk *c = known_chunk(f, chunk);
	int ret = vexfs_embedding_get(fd, &e);
	uint64_t digest;

	if (ret == -ENODATA)		/* deleted meanwhile */
		return EXIT_OK;
	if (!ret && e.bytes != x->coll.dim * elem_size(x->coll.elem))
		ret = -ENOENT;		/* of a collection of that name that was made since */
	if (ret)
		return ret;
	digest = digest_of(&e);
	if (!c || !c->set_at || c->digest != digest || (c->stale_at && !e.stale))
		return tell_set(x, f, &e, digest);
	c->here = true;
	return e.stale && !c->stale_at ? tell_stale(x, f, c) : EXIT_OK;
}

/* Those that were not met. */
static int tell_deleted(struct following *x, struct known_file *f)
{
	size_t i;

	for (i = f->n; i--;) {
		if (f->chunk[i].here)
			continue;
		stream_delete(&x->out, f->ino, f->generation, f->chunk[i].chunk);
		if (state_gone(&x->state, f, f->chunk[i].chunk, batch(x)) || state_dirty(&x->state, f))
			return no_memory();
		memmove(&f->chunk[i], &f->chunk[i + 1], (--f->n - i) * sizeof(*f->chunk));
	}
	return EXIT_OK;
}

static int look_chunks(struct following *x, struct known_file *f, int fd)
{
	struct vexfs_vec_entry e[LIST_BATCH];
	struct vexfs_list pos = { .next_id = x->coll.id };
	int n = 1, i, ret = EXIT_OK;
	size_t k;

	for (k = 0; k < f->n; k++)
		f->chunk[k].here = false;
	while (!ret && n > 0) {
		n = vexfs_embedding_list(fd, &pos, e, LIST_BATCH);
		for (i = 0; !ret && i < n; i++) {
			if (e[i].collection_id != x->coll.id)
				return tell_deleted(x, f);
			ret = look_chunk(x, f, fd, e[i].chunk);
		}
	}
	if (ret || n < 0)
		return ret ? ret : n;
	return tell_deleted(x, f);
}

/* All of it: removed, or not the caller's to read now. */
static int forget_file(struct following *x, struct known_file *f)
{
	int ret = EXIT_OK;

	if (f->n) {
		stream_delete(&x->out, f->ino, f->generation, GONE_ALL);
		if (state_gone(&x->state, f, GONE_ALL, batch(x)))
			ret = no_memory();
	}
	state_remove(&x->state, f);
	return ret ? ret : maybe_end_batch(x);
}

/* The name it was told by may be another one that it still has. */
static int settle_path(struct following *x, struct known_file *f, const char *rel)
{
	struct stat st;

	if (f->path && f->path_at && !strcmp(f->path, rel))
		return EXIT_OK;
	if (f->path && f->path_at && !fstatat(x->dir.fd, f->path, &st, AT_SYMLINK_NOFOLLOW) && st.st_ino == f->ino)
		return EXIT_OK;
	free(f->path);
	f->path = strdup(rel);
	if (!f->path || state_dirty(&x->state, f))
		return no_memory();
	f->path_at = batch(x);
	if (f->n)
		stream_move(&x->out, f);
	return maybe_end_batch(x);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* The file's entry, for the generation it has now. */
static int entry_for(struct following *x, int fd, const struct stat *st, const char *rel, struct known_file **out)
{
	struct known_file *f = state_find(&x->state, st->st_ino);
	int generation = 0, ret = EXIT_OK;

	if (ioctl(fd, FS_IOC_GETVERSION, &generation))
		return -errno;
	if (f && f->generation != (uint32_t)generation) {
		ret = forget_file(x, f);
		f = NULL;
	}
	if (!ret && !f) {
		f = state_add(&x->state, st->st_ino, (uint32_t)generation);
		if (f)
			f->path = strdup(rel);
		if (!f || !f->path)
			return no_memory();
		f->path_at = batch(x);
	}
	*out = f;
	return ret ? ret : settle_path(x, f, rel);
}

static int look_open(struct following *x, int fd, const struct stat *st, const char *rel)
{
	struct known_file *f = NULL;
	int ret = entry_for(x, fd, st, rel, &f);

	if (ret)
		return ret;
	f->pass = x->pass;
	ret = look_chunks(x, f, fd);
	/* A change in the same tick of the clock would not show in it. */
	f->ctime = st->st_ctim;
	if (ret || st->st_ctim.tv_sec >= x->racy.tv_sec - 1)
		memset(&f->ctime, 0, sizeof(f->ctime));
	return ret;
}

static bool is_gone(int err)
{
	return err == -ENOENT || err == -EACCES || err == -EPERM || err == -ELOOP || err == -EINVAL ||
	       err == -ENOTDIR || err == -EXDEV;
}

/* Something may still be there that could not be read: it stays as it was told. */
static void damaged(struct following *x, const char *rel, int err)
{
	x->damaged = true;
	if (x->unread++ < COMPLAINTS_MAX)
		say_error("cannot read %s, which stays as it was told: %s", rel, reason(err));
}

static int look_anew(struct following *x, const char *rel)
{
	struct stat st;
	int fd = open_beneath(x->dir.fd, rel, O_RDONLY, &st), ret;

	clock_gettime(CLOCK_REALTIME_COARSE, &x->racy);
	if (fd == -ENXIO || is_gone(fd))
		return EXIT_OK;
	ret = fd < 0 ? fd : EXIT_OK;
	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
		ret = look_open(x, fd, &st, rel);
	if (fd >= 0)
		close(fd);
	if (ret >= 0)
		return ret;
	if (ret == -ENOENT || ret == -ERANGE)
		x->again = true;	/* the collection was dropped: the next pass sees to it */
	else if (!is_gone(ret))
		damaged(x, rel, ret);
	return EXIT_OK;
}

/* ---- a pass ------------------------------------------------------------------------------ */

static int visit_file(struct following *x, const char *rel, const struct stat *st)
{
	struct known_file *f = state_find(&x->state, st->st_ino);

	if (f && f->pass == x->pass)
		return EXIT_OK;		/* by another name */
	if (!f || !f->path_at || !same_time(&f->ctime, &st->st_ctim))
		return look_anew(x, rel);
	f->pass = x->pass;
	return settle_path(x, f, rel);
}

static int visit(struct following *x, FTS *fts, FTSENT *e)
{
	const char *rel = strlen(e->fts_path) > x->len ? e->fts_path + x->len : "";

	switch (e->fts_info) {
	case FTS_F:
		return e->fts_statp->st_dev == x->dir.st.st_dev ? visit_file(x, rel, e->fts_statp) : EXIT_OK;
	case FTS_D:
		if (e->fts_statp->st_dev != x->dir.st.st_dev || !strcmp(e->fts_name, MODEL_DIR))
			fts_set(fts, e, FTS_SKIP);
		return EXIT_OK;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		if (!is_gone(-e->fts_errno))
			damaged(x, *rel ? rel : ".", -e->fts_errno);
		return EXIT_OK;
	default:
		return EXIT_OK;
	}
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* What is at the path now would be taken for all that there is. */
static int still_there(const struct following *x)
{
	struct stat st;

	if (!stat(x->dir.path, &st) && st.st_dev == x->dir.st.st_dev && st.st_ino == x->dir.st.st_ino)
		return EXIT_OK;
	say_error("%s is not the directory it was: start again with the path it has now", x->dir.path);
	return EXIT_FAILED;
}

static int walk(struct following *x)
{
	char *copy = strdup(x->dir.path), *paths[] = { copy, NULL };
	FTS *fts = copy ? fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name) : NULL;
	int ret = fts ? still_there(x) : no_memory();
	FTSENT *e;

	while (!ret && !stop && (errno = 0, e = fts_read(fts)))
		ret = visit(x, fts, e);
	if (!ret && !stop && errno)
		ret = list_fail(x->dir.path, -errno);
	if (fts)
		fts_close(fts);
	free(copy);
	return ret ? ret : still_there(x);
}

/* What the pass did not meet. */
static int sweep(struct following *x)
{
	struct known_file *f, *next;
	size_t i;
	int ret = EXIT_OK;

	for (i = 0; i < x->state.buckets; i++)
		for (f = x->state.hash[i]; f && !ret; f = next) {
			next = f->next;
			if (f->pass != x->pass)
				ret = forget_file(x, f);
		}
	return ret;
}

/* ---- the feed ------------------------------------------------------------------------------ */

static int take_change(struct following *x, const struct vexfs_change *e)
{
	char rel[PATH_MAX];

	if (e->flags & VEXFS_CHANGE_TREE)
		x->again = true;
	if (e->flags & (VEXFS_CHANGE_TREE | VEXFS_CHANGE_NO_PATH) || e->path_len >= sizeof(rel) || !e->path_len)
		return EXIT_OK;
	memcpy(rel, x->feed->paths + e->path_off, e->path_len);
	rel[e->path_len] = '\0';
	if (!strcmp(rel, MODEL_DIR) || !strncmp(rel, MODEL_DIR "/", strlen(MODEL_DIR) + 1))
		return EXIT_OK;
	return look_anew(x, rel);
}

static int restart_feed(struct following *x)
{
	x->feed->c.mark = (struct vexfs_feed_mark){ 0 };
	x->feed->c.wait_ms = 0;
	x->again = true;
	return vexfs_changes(x->dir.fd, &x->feed->c);
}

/* All that the feed has to tell now. EXIT_*. */
static int drain(struct following *x, uint32_t wait_ms)
{
	struct vexfs_changes *c = &x->feed->c;
	int err, ret = EXIT_OK;
	uint32_t i;

	c->wait_ms = wait_ms;
	do {
		err = x->no_feed ? 0 : vexfs_changes(x->dir.fd, c);
		if (err == -EREMOTE)
			err = restart_feed(x);
		for (i = 0; !err && i < c->found && !ret; i++)
			ret = take_change(x, &c->entries[i]);
		if (!err && c->found)
			x->woken = now_seconds();
		c->wait_ms = 0;
	} while (!err && !ret && !stop && c->more && !x->no_feed);
	if (err == -EINTR)
		err = 0;
	return err ? feed_fail(&x->dir, NULL, err) : ret;
}

static int begin_feed(struct following *x)
{
	int err = restart_feed(x);

	if (err == -EOPNOTSUPP || err == -ENOTTY) {
		say_error("note: the filesystem of %s keeps no change feed ('tune.vexfs -O change_feed DEVICE'): "
			  "changes are found every --interval seconds only", x->dir.path);
		x->no_feed = true;
		err = 0;
	}
	return err ? feed_fail(&x->dir, NULL, err) : EXIT_OK;
}

/* ---- passes --------------------------------------------------------------------------------- */

/* Is the collection what it was? If not, all that was told is deleted. */
static void look_collection(struct following *x)
{
	struct vexfs_ioc_collection c;
	int err = vexfs_collection_info(x->dir.fd, x->coll.name, &c);

	x->gone = err == -ENOENT || (!err && (c.dim != x->coll.dim || c.elem != x->coll.elem || c.id != x->coll.id ||
					      c.btime != x->coll.btime));
}

static int pass(struct following *x)
{
	double begun = now_seconds();
	int ret = EXIT_OK, turns = 0;

	x->woken = 0;
	look_collection(x);
	do {
		x->pass++;
		x->again = x->damaged = false;
		if (!x->gone)
			ret = walk(x);
		if (!ret && !x->gone)
			ret = drain(x, 0);	/* what was moved past the walk */
	} while (!ret && !stop && x->again && ++turns < 3);
	if (!ret && !stop && x->gone)
		x->pass++;
	if (!ret && !stop && (!x->damaged || x->gone))
		ret = sweep(x);
	if (!ret)
		ret = end_batch(x);
	x->pass_end = now_seconds();
	x->pass_time = x->pass_end - begun;
	return ret;
}

static bool pass_is_due(const struct following *x)
{
	double now = now_seconds(), due = x->pass_end + (double)x->opt->interval;

	if (x->woken && x->woken + SOON < due)
		due = x->woken + SOON;
	if (x->again)
		due = 0;
	return now >= due && now >= x->pass_end + SHARE * x->pass_time;
}

static bool is_idle(const struct following *x)
{
	return option_given(x->opt, "wait") && now_seconds() - x->busy >= (double)x->opt->wait;
}

static int follow(struct following *x)
{
	struct vexfs_feed_mark before;
	int ret;

	x->busy = now_seconds();
	ret = pass(x);
	while (!ret && !stop && !x->gone && !is_idle(x)) {
		before = x->feed->c.mark;
		ret = drain(x, SLICE_MS);
		if (!ret)
			ret = end_batch(x);
		if (x->no_feed)
			usleep(SLICE_MS * 1000);
		else if (!ret && !stop && memcmp(&before, &x->feed->c.mark, sizeof(before)))
			usleep(GATHER_US);
		if (!ret && !stop && pass_is_due(x))
			ret = pass(x);
	}
	if (ret || !x->gone)
		return ret;
	say_error("collection '%s' was dropped, made anew, or is not yours to read now: all of it was deleted",
		  x->coll.name);
	return EXIT_NOTHING;
}

/* ---- the reader's mark ------------------------------------------------------------------------ */

/* The embeddings of @f that the reader lacks, or does not know to be stale. */
static int rewind_file(struct following *x, struct known_file *f, uint64_t since)
{
	bool lacks = f->path_at > since;
	struct known_chunk *c;

	for (c = f->chunk; c < f->chunk + f->n; c++) {
		lacks |= c->set_at > since || c->stale_at > since;
		c->set_at = c->set_at > since ? 0 : c->set_at;
		c->stale_at = c->stale_at > since ? 0 : c->stale_at;
	}
	if (f->path_at > since)
		f->path_at = 0;
	if (!lacks)
		return EXIT_OK;
	memset(&f->ctime, 0, sizeof(f->ctime));
	return state_dirty(&x->state, f) ? no_memory() : EXIT_OK;
}

/* They are deletes of the batch under way from now on. */
static void rewind_gone(struct following *x, uint64_t since)
{
	struct gone *g = x->state.gone + x->state.ngone;

	for (; g > x->state.gone && g[-1].at > since; g--) {
		stream_delete(&x->out, g[-1].ino, g[-1].generation, g[-1].chunk);
		g[-1].at = batch(x);
	}
	x->state.rewound = since;
}

/*
 * What was told after batch @since is told again, beginning with the deletes: some of it may have been set anew since.
 * The first batch has in the state file what is left to tell.
 */
static int rewind_state(struct following *x, uint64_t since)
{
	struct known_file *f;
	int ret = EXIT_OK;
	size_t i;

	rewind_gone(x, since);
	for (i = 0; i < x->state.buckets && !ret; i++)
		for (f = x->state.hash[i]; f && !ret; f = f->next)
			ret = rewind_file(x, f, since);
	return ret;
}

static int reader_begins(struct following *x)
{
	int ret = state_reset(&x->state);

	if (!ret)
		stream_reset(&x->out);
	return ret;
}

/* The state is loaded. Without --since the last batch is told again: it may not have been written. */
static int find_reader(struct following *x, const struct vexfs_feed_mark *asked)
{
	struct vexfs_feed_mark m = { x->state.id, x->state.seq ? x->state.seq - 1 : 0 };

	if (asked)
		m = *asked;
	if (m.feed != x->state.id || m.number > x->state.seq || m.number < x->state.horizon || !m.number)
		return reader_begins(x);
	mark_print(&m, x->out.previous);
	return rewind_state(x, m.number);
}

/* ---- the command ------------------------------------------------------------------------------- */

static void catch_signals(void)
{
	struct sigaction act = { .sa_handler = on_signal }, ignore = { .sa_handler = SIG_IGN };

	stop = 0;
	sigaction(SIGINT, &act, NULL);		/* without SA_RESTART: ends waits and writes */
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static int check_options(const struct command *cmd, const struct options *opt, struct vexfs_feed_mark *mark)
{
	if (opt->output && strcmp(opt->output, "-"))
		return usage_error(cmd, "--follow writes to standard output: use | or > instead of --output");
	if (opt->format && strcmp(opt->format, "jsonl") && strcmp(opt->format, "sql"))
		return usage_error(cmd, "--follow --format %s: jsonl or sql is needed", opt->format);
	if (opt->paths || opt->all)
		return usage_error(cmd, "--paths and --all do not go with --follow, which tells paths and stale ones");
	if (opt->since && !opt->state)
		return usage_error(cmd, "--since requires --state FILE");
	if (opt->since && *opt->since && mark_parse(opt->since, mark))
		return usage_error(cmd, "--since %s: give the last mark the reader has, or '' if it has none", opt->since);
	return EXIT_OK;
}

static int open_all(struct following *x)
{
	struct vexfs_ioc_info info;
	char uuid[33], name[VEXFS_IOC_NAME_LEN];
	int i, ret = EXIT_OK;

	if (x->opt->collection)
		strcpy(name, x->opt->collection);
	else
		ret = collection_choose(&x->dir, false, name);
	if (!ret)
		ret = target_collection(&x->dir, name, &x->coll);
	if (ret)
		return ret;
	if (vexfs_info(x->dir.fd, &info))
		memset(&info, 0, sizeof(info));
	for (i = 0; i < 16; i++)
		sprintf(uuid + 2 * i, "%02x", info.uuid[i]);
	snprintf(x->state.owner, sizeof(x->state.owner), "filesystem %s directory %llu collection %s", uuid,
		 (unsigned long long)x->dir.st.st_ino, x->coll.name);
	x->state.name = x->opt->state;
	x->len = strlen(x->dir.path);
	x->len += x->dir.path[x->len - 1] != '/';
	x->out.coll = &x->coll;
	x->out.sql = x->opt->format && !strcmp(x->opt->format, "sql");
	x->data = malloc((size_t)x->coll.dim * elem_size(x->coll.elem));
	x->feed = feed_create(NULL);
	if (!x->data || !x->feed || state_init(&x->state) || stream_open(&x->out))
		return no_memory();
	return EXIT_OK;
}

int export_follow(const struct command *cmd, struct options *opt)
{
	struct vexfs_feed_mark mark = { 0 };
	struct following *x;
	int ret = check_options(cmd, opt, &mark);

	if (ret)
		return ret;
	x = calloc(1, sizeof(*x));
	if (!x)
		return no_memory();
	x->opt = opt;
	x->state.fd = -1;
	ret = target_open(&x->dir, opt->nargs ? opt->args[0] : ".", O_RDONLY | O_DIRECTORY);
	if (!ret)
		ret = open_all(x);
	if (!ret)
		catch_signals();
	if (!ret)
		ret = opt->state ? state_load(&x->state) : state_reset(&x->state);
	if (!ret)
		ret = find_reader(x, opt->since ? &mark : NULL);
	if (!ret)
		ret = begin_feed(x);
	if (!ret)
		ret = follow(x);
	if (x->state.fd >= 0)
		close(x->state.fd);
	state_free(&x->state);
	stream_close(&x->out);
	free(x->feed);
	free(x->data);
	target_close(&x->dir);
	free(x);
	return ret;
}
