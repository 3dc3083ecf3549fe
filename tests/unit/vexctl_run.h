/* SPDX-License-Identifier: GPL-2.0 */
/* vexctl run inside a test program, on the model of the kernel in fake_vexfs.h. */
#ifndef VEXCTL_RUN_H
#define VEXCTL_RUN_H

#include "tests/unit/fake_vexfs.h"
#include "tools/vexctl/vexctl.h"

/* ---- the program ------------------------------------------------------------------------------ */

struct result {
	int code;
	char out[1 << 18], err[1 << 16];
};

static FILE *redirect(FILE *stream, int *saved)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	fflush(stream);
	*saved = dup(fileno(stream));
	dup2(fileno(f), fileno(stream));
	return f;
}

static void restore(FILE *stream, int saved, FILE *f, char *text, size_t room)
{
	size_t n;

	fflush(stream);
	dup2(saved, fileno(stream));
	close(saved);
	rewind(f);
	n = fread(text, 1, room - 1, f);
	text[n] = '\0';
	fclose(f);
}

static struct result r;		/* of the last run() */

static int run_vector(char **argv, int argc)
{
	int out, err;
	FILE *fout = redirect(stdout, &out), *ferr = redirect(stderr, &err);

	r.code = vexctl_main(argc, argv);
	restore(stdout, out, fout, r.out, sizeof(r.out));
	restore(stderr, err, ferr, r.err, sizeof(r.err));
	return r.code;
}

/* run("search", "-c", "x", NULL) as in a shell; %: the root of the fake filesystem */
static int run(const char *word, ...)
{
	char *argv[40] = { strdup("vexctl") };
	int argc = 1, i, code;
	va_list ap;

	va_start(ap, word);
	for (; word; word = va_arg(ap, const char *)) {
		if (word[0] != '%')
			argv[argc++] = strdup(word);
		else if (asprintf(&argv[argc++], "%s%s", fake.root, word + 1) < 0)
			abort();
	}
	va_end(ap);
	/* vexctl may reorder the vector, so keep what to free */
	char *copy[40];

	memcpy(copy, argv, sizeof(copy));
	code = run_vector(argv, argc);
	for (i = 0; i < argc; i++)
		free(copy[i]);
	return code;
}

static __attribute__((unused)) void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' does not say '%s'", text, part);
}

static __attribute__((unused)) void write_file(const char *name, const char *data, size_t len)
{
	char path[PATH_MAX + 64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

static __attribute__((unused)) void write_text(const char *name, const char *text)
{
	write_file(name, text, strlen(text));
}

/* Where one is expected. */
static __attribute__((unused)) const struct vexfs_ioc_collection *only_collection(void)
{
	int i, n = 0, at = 0;

	for (i = 0; i < FAKE_COLLECTIONS; i++)
		if (fake.coll[i].dim) {
			n++;
			at = i;
		}
	assert_int_equal(n, 1);
	return &fake.coll[at];
}

/* Another modification time, whatever the clock's granularity. */
static __attribute__((unused)) void touch(const char *name, long seconds)
{
	struct timespec t[2] = { { seconds, 0 }, { seconds, 0 } };
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

/*
 * Until the clock that index reads for its mark has passed what this host can have given
 * a file's ctime: a file of before is then not looked at again by search.
 */
static __attribute__((unused)) void next_tick(void)
{
	struct timespec then, now;

	clock_gettime(CLOCK_REALTIME, &then);	/* ctimes may be finer than the coarse clock */
	do {
		usleep(200);
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while (now.tv_sec < then.tv_sec || (now.tv_sec == then.tv_sec && now.tv_nsec <= then.tv_nsec));
}

static int mount_fake(void **state)
{
	fake_mount();
	return 0;
}

static int umount_fake(void **state)
{
	fake_umount();
	return 0;
}

/* An empty cache for vectors, beside the fake filesystem. */
static __attribute__((unused)) void fresh_cache(void)
{
	static char dir[64];
	char command[128];

	snprintf(dir, sizeof(dir), "/tmp/vexfs-test-cache-%ld", (long)getpid());
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command))
		abort();
	setenv("XDG_CACHE_HOME", dir, 1);
}

#define ON_FAKE(test) cmocka_unit_test_setup_teardown(test, mount_fake, umount_fake)

#endif /* VEXCTL_RUN_H */
