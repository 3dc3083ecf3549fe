// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl export --follow: a reader that applies each batch with its mark has what the filesystem has, whatever is
 * killed and whenever. The environment variable VEXFS_FOLLOW_ROUNDS says how often (default 40).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/vexctl_run.h"

#define ROWS	4096
#define FILES	200
#define CHUNKS	3

/* ---- the reader ---------------------------------------------------------------------------------- */

struct row {
	bool used, stale;
	uint64_t ino;
	int64_t generation, chunk;
	char path[64];
	double first;
};

static struct {
	struct row row[ROWS];
	char mark[64];
	char *batch[ROWS];
	size_t n;
	unsigned int resets, batches;
} reader;

static void reader_drop_batch(void)
{
	while (reader.n)
		free(reader.batch[--reader.n]);
}

static void reader_new(void)
{
	reader_drop_batch();
	memset(&reader, 0, sizeof(reader));
}

static struct json_object *field(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	if (!json_object_object_get_ex(o, name, &v))
		fail_msg("no %s in %s", name, json_object_to_json_string(o));
	return v;
}

static struct row *row_of(uint64_t ino, int64_t generation, int64_t chunk, bool make)
{
	struct row *w;
	size_t i;

	for (i = 0; i < ROWS; i++) {
		w = &reader.row[i];
		if (w->used && w->ino == ino && w->generation == generation && w->chunk == chunk)
			return w;
	}
	for (i = 0; make && i < ROWS; i++) {
		w = &reader.row[i];
		if (w->used)
			continue;
		*w = (struct row){ .used = true, .ino = ino, .generation = generation, .chunk = chunk };
		return w;
	}
	return NULL;
}

static void apply_file(struct json_object *o, const char *op)
{
	uint64_t ino = json_object_get_uint64(field(o, "ino"));
	int64_t generation = json_object_get_int64(field(o, "generation"));
	struct json_object *v;
	size_t i;

	for (i = 0; i < ROWS; i++) {
		struct row *w = &reader.row[i];

		if (!w->used || w->ino != ino || w->generation != generation)
			continue;
		if (!strcmp(op, "move"))
			strcpy(w->path, json_object_get_string(field(o, "path")));
		else if (!json_object_object_get_ex(o, "chunk", &v) || json_object_get_int64(v) == w->chunk)
			w->used = false;
	}
}

static void apply_set(struct json_object *o)
{
	struct row *w = row_of(json_object_get_uint64(field(o, "ino")), json_object_get_int64(field(o, "generation")),
			       json_object_get_int64(field(o, "chunk")), true);

	assert_non_null(w);
	strcpy(w->path, json_object_get_string(field(o, "path")));
	w->stale = json_object_get_boolean(field(o, "stale"));
	w->first = json_object_get_double(json_object_array_get_idx(field(o, "vector"), 0));
}

static void apply_stale(struct json_object *o)
{
	struct row *w = row_of(json_object_get_uint64(field(o, "ino")), json_object_get_int64(field(o, "generation")),
			       json_object_get_int64(field(o, "chunk")), false);

	assert_non_null(w);
	w->stale = true;
}

static void apply(const char *line)
{
	struct json_object *o = json_tokener_parse(line);
	const char *op;

	assert_non_null(o);
	op = json_object_get_string(field(o, "op"));
	if (!strcmp(op, "reset")) {
		memset(reader.row, 0, sizeof(reader.row));
		reader.resets++;
	} else if (!strcmp(op, "set")) {
		apply_set(o);
	} else if (!strcmp(op, "stale")) {
		apply_stale(o);
	} else {
		assert_true(!strcmp(op, "move") || !strcmp(op, "delete"));
		apply_file(o, op);
	}
	json_object_put(o);
}

/* A line that is whole. A mark applies the batch, which must be the one after the last. */
static void reader_line(const char *line)
{
	struct json_object *o, *previous;
	size_t i;

	if (strncmp(line, "{\"mark\"", 7)) {
		assert_true(reader.n < ROWS);
		reader.batch[reader.n++] = strdup(line);
		return;
	}
	o = json_tokener_parse(line);
	assert_non_null(o);
	previous = field(o, "previous");
	if (previous)
		assert_string_equal(json_object_get_string(previous), reader.mark);
	else
		assert_non_null(strstr(reader.batch[0], "\"reset\""));
	for (i = 0; i < reader.n; i++)
		apply(reader.batch[i]);
	snprintf(reader.mark, sizeof(reader.mark), "%s", json_object_get_string(field(o, "mark")));
	json_object_put(o);
	reader.batches++;
	reader_drop_batch();
}

static void reader_text(char *text)
{
	char *line, *save = NULL;

	assert_true(strlen(text) < sizeof(r.out) - 1);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		reader_line(line);
}

/* What the filesystem has is what the reader has. */
static void assert_equal_sides(void)
{
	size_t i, there = 0, known = 0;
	struct stat st;

	for (i = 0; i < FAKE_VECTORS; i++) {
		struct fake_vector *e = &fake.vec[i];
		struct row *w;

		if (!e->used)
			continue;
		there++;
		assert_int_equal(stat(e->path, &st), 0);
		w = row_of(e->ino, (int)(e->ino * 7 + 1) & 0xffffffff, e->chunk, false);
		if (!w)
			fail_msg("%s chunk %u is missing", e->path, e->chunk);
		assert_string_equal(w->path, e->path + strlen(fake.root) + 1);
		assert_true(w->first == (double)*(float *)e->data);
		assert_int_equal(w->stale, fake_stale(e, &st));
	}
	for (i = 0; i < ROWS; i++)
		known += reader.row[i].used;
	assert_int_equal(known, there);
}

/* ---- the filesystem -------------------------------------------------------------------------------- */

static char state[64];

static void begin(void)
{
	snprintf(state, sizeof(state), "/tmp/vexfs-test-follow-%ld", (long)getpid());
	unlink(state);
	reader_new();
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(run("collection", "create", "%", "x", "--dim", "3", "--metric", "l2", NULL), 0);
}

static const char *name_of(unsigned int file)
{
	static char name[32];

	snprintf(name, sizeof(name), "f%u", file);
	return name;
}

static void set(const char *name, unsigned int chunk, float value)
{
	float v[3] = { value, 2, 3 };
	struct vexfs_embedding e = { .collection = "x", .chunk = chunk, .data = v, .bytes = sizeof(v) };
	char path[PATH_MAX + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	fd = open(path, O_RDWR | O_CREAT, 0644);
	assert_true(fd >= 0);
	assert_int_equal(vexfs_embedding_set(fd, &e), 0);
	close(fd);
}

/* With its embeddings; the model does not do that by itself. */
static void delete(const char *name)
{
	char path[PATH_MAX + 64];
	struct stat st;
	size_t i;

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	if (stat(path, &st))
		return;
	for (i = 0; i < FAKE_VECTORS; i++)
		if (fake.vec[i].ino == st.st_ino)
			fake.vec[i].used = false;
	assert_int_equal(unlink(path), 0);
}

static void move(const char *from, const char *to)
{
	char a[PATH_MAX + 64], b[PATH_MAX + 64];
	size_t i;

	snprintf(a, sizeof(a), "%s/%s", fake.root, from);
	snprintf(b, sizeof(b), "%s/%s", fake.root, to);
	if (access(a, F_OK))
		return;
	delete(to);
	assert_int_equal(rename(a, b), 0);
	for (i = 0; i < FAKE_VECTORS; i++)
		if (fake.vec[i].used && !strcmp(fake.vec[i].path, a))
			strcpy(fake.vec[i].path, b);
}

static void drop_chunk(const char *name, unsigned int chunk)
{
	char path[PATH_MAX + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	fd = open(path, O_RDWR);
	if (fd < 0)
		return;
	vexfs_embedding_del(fd, "x", chunk);
	close(fd);
}

static long next_time = 1000;

static void change(unsigned int step)
{
	unsigned int file = (unsigned int)rand() % FILES, kind = (unsigned int)rand() % 10;
	char other[32], path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", fake.root, name_of(file));
	if (kind < 5) {
		set(name_of(file), (unsigned int)rand() % CHUNKS, (float)step);
	} else if (kind == 5) {
		delete(name_of(file));
	} else if (kind == 6) {
		strcpy(other, name_of((unsigned int)rand() % FILES));
		if (strcmp(other, name_of(file)))
			move(name_of(file), other);
	} else if (kind == 7) {
		drop_chunk(name_of(file), (unsigned int)rand() % CHUNKS);
	} else if (!access(path, F_OK)) {
		touch(name_of(file), next_time++);
	}
}

/* ---- runs -------------------------------------------------------------------------------------------- */

static int follow_once(const char *since)
{
	return run("export", "-c", "x", "--follow", "--wait", "0", "--state", state, "--since", since, "%", NULL);
}

static void test_stream(void **unused)
{
	begin();
	set("a", 0, 1);
	set("a", 1, 2);
	set("b", 0, 3);
	assert_int_equal(follow_once(""), 0);
	assert_says(r.out, "\"op\":\"set\",\"collection\":\"x\",\"ino\":");
	assert_says(r.out, "\"chunk\":1,\"path\":\"a\",\"range\":{\"offset\":0,\"length\":0},\"stale\":false,"
		    "\"vector\":[2,2,3]}");
	reader_text(r.out);
	assert_equal_sides();
	assert_int_equal(reader.resets, 1);

	/* Nothing has changed: nothing is told. */
	assert_int_equal(follow_once(reader.mark), 0);
	assert_string_equal(r.out, "");

	touch("a", 500);
	set("b", 0, 4);
	delete("c");
	move("b", "c");
	assert_int_equal(follow_once(reader.mark), 0);
	assert_says(r.out, "\"op\":\"stale\"");
	assert_says(r.out, "\"op\":\"move\"");
	reader_text(r.out);
	assert_equal_sides();

	drop_chunk("a", 1);
	delete("c");
	set("a", 0, 4);		/* fresh again */
	assert_int_equal(follow_once(reader.mark), 0);
	reader_text(r.out);
	assert_equal_sides();
	assert_int_equal(reader.resets, 1);
	unlink(state);
}

/* A mark that is too old is told all since; one of another state begins anew. */
static void test_marks(void **unused)
{
	char early[64];

	begin();
	set("a", 0, 1);
	assert_int_equal(follow_once(""), 0);
	reader_text(r.out);
	strcpy(early, reader.mark);
	set("b", 0, 2);
	delete("a");
	assert_int_equal(follow_once(early), 0);	/* lost on the way */
	touch("b", 700);
	assert_int_equal(follow_once(early), 0);
	assert_says(r.out, "\"op\":\"delete\"");
	reader_text(r.out);
	assert_equal_sides();
	assert_int_equal(reader.resets, 1);

	assert_int_equal(follow_once("0000000000000001:1"), 0);
	assert_says(r.out, "\"op\":\"reset\"");
	reader_text(r.out);
	assert_equal_sides();
	assert_int_equal(reader.resets, 2);

	/* Without a mark the last batch is told again. */
	set("c", 0, 3);
	assert_int_equal(follow_once(reader.mark), 0);
	assert_int_equal(run("export", "-c", "x", "--follow", "--wait", "0", "--state", state, "%", NULL), 0);
	assert_says(r.out, "\"path\":\"c\"");
	unlink(state);
}

static void test_sql(void **unused)
{
	begin();
	set("it's \\ a\nname", 0, 1);
	assert_int_equal(run("export", "--follow", "--format", "sql", "--wait", "0", "--state", state, "--since", "", "%",
			     NULL), 0);
	assert_says(r.out, "CREATE TABLE IF NOT EXISTS vexfs_embedding");
	assert_says(r.out, "BEGIN;\nDELETE FROM vexfs_embedding WHERE collection = 'x';\n");
	assert_says(r.out, "'it''s \\ a\nname', 0, 0, false, '[1,2,3]')");
	assert_says(r.out, "COMMIT;\n");
	delete("it's \\ a\nname");
	strtok(strstr(r.out, "VALUES ('x', '") + 14, "'");
	strcpy(reader.mark, strstr(r.out, "VALUES ('x', '") + 14);
	assert_int_equal(run("export", "--follow", "--format", "sql", "--wait", "0", "--state", state, "--since",
			     reader.mark, "%", NULL), 0);
	assert_says(r.out, "AND mark = '");
	assert_says(r.out, "IF NOT FOUND THEN RAISE EXCEPTION");
	unlink(state);
}

static void write_state(const char *text)
{
	FILE *f = fopen(state, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void append_state(const char *text)
{
	FILE *f = fopen(state, "a");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_state_file(void **unused)
{
	char other[PATH_MAX + 64];

	begin();
	set("a", 0, 1);
	write_state("my own notes\n");
	assert_int_equal(follow_once(""), 1);
	assert_says(r.err, "is not a state file");
	unlink(state);

	assert_int_equal(follow_once(""), 0);
	reader_text(r.out);
	append_state("F 1 2 3");	/* a batch that was not written to its end */
	assert_int_equal(follow_once(reader.mark), 0);
	assert_string_equal(r.out, "");
	append_state("D 1 2 ffffffff 2\nS 2 1234\n");	/* with a wrong sum */
	assert_int_equal(follow_once(reader.mark), 0);
	assert_string_equal(r.out, "");

	snprintf(other, sizeof(other), "%s/sub", fake.root);
	assert_int_equal(mkdir(other, 0755), 0);
	assert_int_equal(run("export", "-c", "x", "--follow", "--wait", "0", "--state", state, "%/sub", NULL), 1);
	assert_says(r.err, "is the state of another directory or collection");
	unlink(state);
	assert_int_equal(run("export", "-c", "x", "--follow", "--wait", "0", "--state", "/nonexistent/s", "%", NULL), 1);
	assert_says(r.err, "cannot open the state file");
	assert_int_equal(run("export", "-c", "x", "--follow", "--wait", "0", "--state", "/dev/null", "%", NULL), 1);
	assert_says(r.err, "is not a regular file");
}

static void test_usage(void **unused)
{
	begin();
	assert_int_equal(run("export", "--since", "", "%", NULL), 2);
	assert_int_equal(run("export", "--follow", "--since", "1:1", "%", NULL), 2);
	assert_says(r.err, "--since requires --state");
	assert_int_equal(run("export", "--follow", "--state", state, "--since", "yesterday", "%", NULL), 2);
	assert_int_equal(run("export", "--follow", "--format", "npy", "%", NULL), 2);
	assert_int_equal(run("export", "--follow", "-o", "x.jsonl", "%", NULL), 2);
	assert_int_equal(run("export", "--follow", "--all", "%", NULL), 2);
	assert_int_equal(run("export", "--follow", "-c", "y", "%", NULL), 1);
}

/* All that is told of a file that cannot be read now is that it is gone. */
static void test_not_readable(void **unused)
{
	char path[PATH_MAX + 64];

	if (!geteuid())
		skip();
	begin();
	set("a", 0, 1);
	assert_int_equal(follow_once(""), 0);
	reader_text(r.out);
	snprintf(path, sizeof(path), "%s/a", fake.root);
	assert_int_equal(chmod(path, 0), 0);
	assert_int_equal(follow_once(reader.mark), 0);
	assert_says(r.out, "\"op\":\"delete\"");
	unlink(state);
}

static void test_dropped(void **unused)
{
	begin();
	set("a", 0, 1);
	assert_int_equal(follow_once(""), 0);
	reader_text(r.out);
	assert_int_equal(run("collection", "drop", "%", "x", "--yes", NULL), 0);
	run("collection", "create", "%", "x", "--dim", "3", "--metric", "l2", NULL);
	assert_int_equal(follow_once(reader.mark), 0);
	reader_text(r.out);
	assert_equal_sides();
	unlink(state);
}

/* Output that cannot be written: what was not read is told again. */
static void test_full(void **unused)
{
	FILE *full = fopen("/dev/full", "w");
	int saved = dup(1);
	char *argv[] = { "vexctl", "export", "--follow", "--wait", "0", "--state", state, "--since", "", fake.root, NULL };

	begin();
	set("a", 0, 1);
	fflush(stdout);
	dup2(fileno(full), 1);
	assert_int_equal(vexctl_main(10, argv), 1);
	dup2(saved, 1);
	close(saved);
	fclose(full);
	assert_int_equal(follow_once(""), 0);
	reader_text(r.out);
	assert_equal_sides();
	unlink(state);
}

/* ---- kill -9 ------------------------------------------------------------------------------------------- */

static pid_t start(int *from, const char *since)
{
	char *argv[] = { "vexctl", "export", "--follow", "--interval", "1", "--state", state, "--since", (char *)since,
			 fake.root, NULL };
	int fd[2];
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	if (!pid) {
		dup2(fd[1], 1);
		dup2(open("/dev/null", O_WRONLY), 2);
		close(fd[0]);
		alarm(60);
		_exit(vexctl_main(10, argv));
	}
	close(fd[1]);
	*from = fd[0];
	return pid;
}

/* Read for a while, or so many bytes; a part of a line at the end is lost. */
static void read_some(int fd, size_t most)
{
	static char text[1 << 20];
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	size_t have = 0;
	char *line, *end;
	ssize_t n;

	while (have < most && have < sizeof(text) - 1 && poll(&wait, 1, have ? 30 : 200) > 0) {
		n = read(fd, text + have, most - have < 777 ? most - have : 777);
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	text[have] = '\0';
	for (line = text; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		reader_line(line);
	}
	reader_drop_batch();
}

static void test_killed(void **unused)
{
	const char *want = getenv("VEXFS_FOLLOW_ROUNDS");
	unsigned int rounds = want ? (unsigned int)atoi(want) : 40, i, k, seed = (unsigned int)time(NULL);
	int fd;
	pid_t pid;

	print_message("seed %u, %u rounds\n", seed, rounds);
	srand(seed);
	next_time = 1000;
	begin();
	for (i = 0; i < rounds; i++) {
		for (k = (unsigned int)rand() % 200; k; k--)
			change(i * 64 + k);
		pid = start(&fd, reader.mark);
		if (rand() % 2) {		/* the reader is killed first */
			read_some(fd, (size_t)rand() % 60000 + 1);
			kill(pid, SIGKILL);
		} else {
			usleep((useconds_t)rand() % 100000);
			kill(pid, SIGKILL);
			read_some(fd, (size_t)rand() % 90000 + 1);
		}
		close(fd);
		waitpid(pid, NULL, 0);
		if (i % 10)
			continue;
		assert_int_equal(follow_once(reader.mark), 0);
		reader_text(r.out);
		assert_equal_sides();
	}
	assert_int_equal(follow_once(reader.mark), 0);
	reader_text(r.out);
	assert_equal_sides();
	print_message("%u batches, %u times from nothing\n", reader.batches, reader.resets);
	assert_true(reader.resets < rounds / 2);
	unlink(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_FAKE(test_stream),
		ON_FAKE(test_marks),
		ON_FAKE(test_sql),
		ON_FAKE(test_state_file),
		ON_FAKE(test_usage),
		ON_FAKE(test_not_readable),
		ON_FAKE(test_dropped),
		ON_FAKE(test_full),
		ON_FAKE(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
