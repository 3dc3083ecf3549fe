/* SPDX-License-Identifier: GPL-2.0 */
/* A WordNet of a few words, as files in a directory. */
#ifndef TOYWORDNET_H
#define TOYWORDNET_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct toy_file {
	const char *name, *text;
} wordnet_files[] = {
	{ "index.noun", "  1 licence\n"
	  "auto n 1 1 @ 1 1 00000100  \nautomobile n 1 1 @ 1 1 00000100  \ncar n 2 1 @ 2 1 00000100 00000200  \n"
	  "motor_vehicle n 1 0 1 0 00000300  \nvan n 1 1 @ 1 0 00000400  \ngoose n 1 0 1 0 00000500  \n"
	  "bird n 1 0 1 0 00000600  \nrailcar n 1 0 1 0 00000200  \n" },
	{ "data.noun", "  1 licence\n"
	  "00000100 06 n 03 car 0 auto 0 automobile 0 001 @ 00000300 n 0000 | a machine; \"he needs a car\"  \n"
	  "00000200 06 n 02 car 1 railcar 0 000 | on rails  \n00000300 06 n 01 motor_vehicle 0 000 | of its own  \n"
	  "00000400 06 n 01 van 0 001 @ 00000300 n 0000 | large  \n00000500 05 n 01 goose 0 000 | bird  \n"
	  "00000600 05 n 01 bird 0 000 | feathers  \n" },
	{ "noun.exc", "geese goose\nnonsense unknown\n" },
	{ "index.verb", "" }, { "data.verb", "" }, { "index.adj", "" }, { "data.adj", "" }, { "index.adv", "" },
	{ "data.adv", "" },
};

#define NFILES	(sizeof(wordnet_files) / sizeof(wordnet_files[0]))

static void wordnet_file(const char *dir, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void make_wordnet(char dir[64])
{
	size_t i;

	strcpy(dir, "/tmp/vex-static-XXXXXX");
	assert_non_null(mkdtemp(dir));
	for (i = 0; i < NFILES; i++)
		wordnet_file(dir, wordnet_files[i].name, wordnet_files[i].text);
}

static void remove_wordnet(const char *dir)
{
	char path[128];
	size_t i;

	for (i = 0; i < NFILES; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, wordnet_files[i].name);
		unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

#endif /* TOYWORDNET_H */
