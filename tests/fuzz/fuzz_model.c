// SPDX-License-Identifier: GPL-2.0
/*
 * Feed damaged models of static embeddings to their readers: safetensors, tokenizer.json, vocab.txt. What is accepted
 * is then used: every row is added, and texts are made tokens.
 *
 *	make fuzz				mutations of small models, under ASan and UBSan
 *	build/fuzz_model 100000			more of them; VEXFS_SEED=... for others
 *	clang -DVEXFS_LIBFUZZER -fsanitize=fuzzer,address,undefined -I. -Iinclude -Iinclude/uapi -Ilib -D_GNU_SOURCE \
 *		tests/fuzz/fuzz_model.c lib/safetensors.c lib/tokenizer*.c lib/embed_token.c core/softfloat.c \
 *		-ljson-c -lunistring -o build/fuzz_model_lf && build/fuzz_model_lf CORPUS
 *
 * An input is a byte that names the reader (modulo 3) and the file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tokenizer.h"
#include "tests/unit/m2vmodel.h"

#define TARGETS	3
#define ROOM	8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const target_name[TARGETS] = { "safetensors", "tokenizer.json", "vocab.txt" };
static unsigned long accepted[TARGETS], rejected[TARGETS];

static void die(const char *what)
{
	fprintf(stderr, "fuzz_model: %s\n", what);
	abort();
}

static bool verdict(unsigned int target, int ret, const char *why)
{
	if (ret && !*why)
		die("damage without a reason");
	(ret ? rejected : accepted)[target]++;
	return !ret;
}

static void use_tensor(const struct vex_tensor *t)
{
	double sum[64] = { 0 };
	uint64_t i;

	if (t->dtype == VEX_DTYPE_OTHER)
		return;
	for (i = 0; i < t->n; i++)
		sum[0] += vex_tensor_number(t, i);
	if (t->ndim != 2 || t->shape[1] > 64)
		return;
	for (i = 0; i < t->shape[0] && t->shape[1]; i++)
		vex_tensor_add_row(t, i, (uint32_t)t->shape[1], 0.5, sum);
}

static void fuzz_tensors(const char *data, size_t size)
{
	char why[VEX_WHY] = "";
	struct vex_tensors t;
	unsigned int i;

	if (!verdict(0, vex_tensors_parse(data, size, &t, why), why))
		return;
	for (i = 0; i < t.n; i++)
		use_tensor(&t.t[i]);
}

static void use_tokenizer(struct vex_tokenizer *t)
{
	static const char *const texts[] = {
		"", "cars, automobiles [PAD] and bread", "A\xcc\x82 \xe8\xbb\x8a\xef\xac\x81 \xff\x80 \xc4\xb0x", "abc  ab\n\nxyz",
	};
	uint32_t *ids;
	int64_t n, j;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		n = vex_tokenizer_encode(t, texts[i], strlen(texts[i]), SIZE_MAX, &ids);
		for (j = 0; j < n; j++)
			if (ids[j] > vex_tokenizer_top(t))
				die("a token beyond the last one");
		free(ids);
	}
	vex_tokenizer_free(t);
}

static void fuzz_json(const char *data, size_t size)
{
	struct vex_tokenizer *t = NULL;
	char why[VEX_WHY] = "";

	if (verdict(1, vex_tokenizer_load(data, size, &t, why), why))
		use_tokenizer(t);
	else if (t)
		die("a tokenizer that was refused");
}

static void fuzz_words(const char *data, size_t size)
{
	struct vex_tokenizer *t = NULL;
	char why[VEX_WHY] = "";

	if (verdict(2, vex_tokenizer_load_words(data, size, &t, why), why))
		use_tokenizer(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const target[TARGETS])(const char *, size_t) = { fuzz_tensors, fuzz_json, fuzz_words };
	char *exact;

	if (!size)
		return 0;
	exact = malloc(size > 1 ? size - 1 : 1);	/* its end is the file's: ASan sees what is read after it */
	if (!exact)
		die("out of memory");
	memcpy(exact, data + 1, size - 1);
	target[data[0] % TARGETS](exact, size - 1);
	free(exact);
	return 0;
}

#ifndef VEXFS_LIBFUZZER
/* ---- mutations of small models, for builds without libFuzzer ------------------------------ */

static uint64_t rng = 1;

static uint64_t below(uint64_t n)
{
	uint64_t z = (rng += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) % n;
}

static const char unigram[] =
	"{\"added_tokens\":[{\"id\":9,\"content\":\"New York\",\"normalized\":true,\"single_word\":true,\"lstrip\":true}],"
	"\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"},{\"type\":\"Lowercase\"},{\"type\":"
	"\"Strip\",\"strip_left\":true,\"strip_right\":true},{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},"
	"\"content\":\" \"},{\"type\":\"Replace\",\"pattern\":{\"String\":\",\"},\"content\":\" , \"}]},\"pre_tokenizer\":"
	"{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"},{\"type\":\"Metaspace\",\"replacement\":"
	"\"_\",\"prepend_scheme\":\"first\",\"split\":false}]},\"truncation\":{\"max_length\":12},\"model\":{\"type\":"
	"\"Unigram\",\"unk_id\":0,\"byte_fallback\":true,\"vocab\":[[\"<unk>\",0],[\"_\",-2],[\"a\",-3],[\"b\",-3],"
	"[\"ab\",-5],[\"<0xC3>\",-7.5],[\"_ab\",-4],[\"c\",-3],[\"bc\",-3.5]]}}";

/* A file that is one, in @out; its length. */
static size_t seed(unsigned int target, uint8_t *out)
{
	static const char words[] = "[PAD]\n[UNK]\ncar\nauto\n##mobile\nbread\n##s\n";
	const char *text = target == 2 ? words : below(2) ? unigram : M2V_WORDPIECE;
	unsigned char *file;
	size_t len;

	if (target) {
		memcpy(out, text, strlen(text));
		return strlen(text);
	}
	len = m2v_tensors(&file, "{\"weights\":{\"dtype\":\"F16\",\"shape\":[7],\"data_offsets\":[84,98]},\"embeddings\":"
				 "{\"dtype\":\"F32\",\"shape\":[7,3],\"data_offsets\":[0,84]}}", m2v_rows, 98 - 14);
	memcpy(out, file, len);
	memset(out + len, 60, 14);
	free(file);
	return len + 14;
}

static const char *const bits[] = {
	"0", "-1", "18446744073709551615", "9223372036854775807", "1e999", "null", "[]", "{}", "\"\"", "[[[[", "\\u0000",
	"\\ud800", ",", "true", "4294967296", "NaN",
};

static size_t mutate(uint8_t *p, size_t len)
{
	const char *bit = bits[below(sizeof(bits) / sizeof(bits[0]))];
	size_t at = below(len + 1), n = below(9), to = below(len + 1);

	switch (below(5)) {
	case 0:
		if (at < len)
			p[at] ^= (uint8_t)(1 << below(8));
		return len;
	case 1:
		return at;
	case 2:		/* something else is there */
		n = strlen(bit) < len - at ? strlen(bit) : len - at;
		memcpy(p + at, bit, n);
		return len;
	case 3:		/* something is added */
		if (len + strlen(bit) > ROOM / 2)
			return len;
		memmove(p + at + strlen(bit), p + at, len - at);
		memcpy(p + at, bit, strlen(bit));
		return len + strlen(bit);
	default:	/* something is moved */
		n = n < len - at ? n : len - at;
		n = n < len - to ? n : len - to;
		memmove(p + at, p + to, n);
		return len;
	}
}

int main(int argc, char **argv)
{
	unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000, i;
	const char *number = getenv("VEXFS_SEED");
	static uint8_t input[ROOM];
	unsigned int t;
	uint64_t n;
	size_t len;

	rng = number ? strtoull(number, NULL, 0) : 1;
	for (i = 0; i < runs; i++) {
		input[0] = (uint8_t)(i % TARGETS);
		len = seed(input[0], input + 1);
		for (n = below(4); n; n--)
			len = mutate(input + 1, len);
		LLVMFuzzerTestOneInput(input, len + 1);
	}
	printf("seed %s\n", number ? number : "1");
	for (t = 0; t < TARGETS; t++)
		printf("%-14s accepted %lu, refused %lu\n", target_name[t], accepted[t], rejected[t]);
	return 0;
}
#endif /* VEXFS_LIBFUZZER */
