// SPDX-License-Identifier: GPL-2.0
/* A trained model as a block of bytes; documented in lib/static_model.h. */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "lib/embed_words.h"
#include "lib/static_block.h"
#include "lib/static_forms.h"
#include "lib/static_model.h"

static uint32_t read32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint64_t read64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static float read_float(const unsigned char *p)
{
	uint32_t bits = read32(p);
	float f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

/* A number that is none would spread to every vector. */
static bool all_finite(const unsigned char *p, uint32_t n)
{
	while (n--)
		if ((read32(p + 4ull * n) & 0x7f800000) == 0x7f800000)
			return false;
	return true;
}

static bool ascending(const unsigned char *hash, uint32_t n)
{
	uint32_t i;

	for (i = 1; i < n; i++)
		if (read64(hash + 8ull * (i - 1)) >= read64(hash + 8ull * i))
			return false;
	return true;
}

int static_model_open(struct static_model *m, const void *block, size_t len)
{
	const struct static_block *b = block;
	struct static_model s = { .block = block, .len = len };
	uint64_t lexical, at = sizeof(*b);

	memset(m, 0, sizeof(*m));
	if (len < sizeof(*b) || le32toh(b->version) != STATIC_BLOCK_VERSION || le32toh(b->trained) > 1)
		return -EBADMSG;
	s.words = le32toh(b->words);
	s.dim = le32toh(b->dim);
	s.trained = le32toh(b->trained);
	lexical = le64toh(b->lexical_len);
	if (s.words > STATIC_MODEL_WORDS || s.dim > STATIC_DIM || !s.words != !s.dim || lexical > len - at)
		return -EBADMSG;
	s.lexical = (const unsigned char *)block + at;
	s.lexical_len = (size_t)lexical;
	at += static_round(lexical);
	s.hash = (const unsigned char *)block + at;
	at += 8ull * s.words;
	s.scale = (const unsigned char *)block + at;
	at += 4ull * s.words;
	s.mean = (const unsigned char *)block + at;
	at += 4ull * s.dim;
	s.element = (const signed char *)block + at;
	at += (uint64_t)s.words * s.dim;
	if (at != len || !ascending(s.hash, s.words) || !all_finite(s.scale, s.words) || !all_finite(s.mean, s.dim))
		return -EBADMSG;
	*m = s;
	return 0;
}

static uint32_t find_hash(const struct static_model *m, uint64_t hash)
{
	uint32_t lo = 0, hi = m->words, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (read64(m->hash + 8ull * mid) < hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < m->words && read64(m->hash + 8ull * lo) == hash ? lo : m->words;
}

static uint32_t find_base(const struct static_model *m, const char *word, size_t len)
{
	char base[STATIC_BASE_MAX];
	uint32_t at = m->words;
	unsigned int rule;
	size_t n;

	for (rule = 0; at == m->words && rule < STATIC_FORMS; rule++) {
		n = static_base(rule, word, len, base);
		if (n)
			at = find_hash(m, vex_word_hash(base, n));
	}
	return at;
}

uint32_t static_model_find(const struct static_model *m, const char *word, size_t len)
{
	uint32_t at = find_hash(m, vex_word_hash(word, len));

	return at < m->words ? at : find_base(m, word, len);
}

void static_model_add(const struct static_model *m, uint32_t at, float weight, float *sum)
{
	const signed char *e = m->element + (size_t)at * m->dim;
	float scale = read_float(m->scale + 4ull * at);
	uint32_t i;

	weight *= scale < 0 ? -scale : scale;
	for (i = 0; i < m->dim; i++)
		sum[i] += weight * (float)e[i];
}

void static_model_centre(const struct static_model *m, float *v)
{
	uint32_t i;

	for (i = 0; i < m->dim; i++)
		v[i] -= read_float(m->mean + 4ull * i);
}

float static_model_cosine(const struct static_model *m, uint32_t a, uint32_t b)
{
	const signed char *x = m->element + (size_t)a * m->dim, *y = m->element + (size_t)b * m->dim;
	int xy = 0, xx = 0, yy = 0;
	uint32_t i;

	for (i = 0; i < m->dim; i++) {
		xy += x[i] * y[i];
		xx += x[i] * x[i];
		yy += y[i] * y[i];
	}
	return xx && yy ? (float)xy / sqrtf((float)xx * (float)yy) : 0;
}

bool static_model_is_strange(const struct static_model *m, uint32_t at)
{
	return read_float(m->scale + 4ull * at) < 0;
}
