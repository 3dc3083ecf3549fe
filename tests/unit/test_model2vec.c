// SPDX-License-Identifier: GPL-2.0
/*
 * Models of static embeddings: small ones that are written here, with vectors computed by hand; and what is wrong in
 * a file may be anything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>

#include "lib/model2vec.h"
#include "lib/tokenizer.h"
#include "tests/unit/m2vmodel.h"

static char dir[64];
static char why[VEX_WHY];

static int make_dir(void **state)
{
	strcpy(dir, "/tmp/vexfs-m2v-XXXXXX");
	return !mkdtemp(dir);
}

static int drop_dir(void **state)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* ---- tokens ------------------------------------------------------------------------------------- */

/* "1 2 3": the tokens of a text */
static void assert_tokens(const char *json, const char *text, const char *expected)
{
	struct vex_tokenizer *t;
	char got[400] = "";
	uint32_t *ids;
	int64_t n, i;

	if (vex_tokenizer_load(json, strlen(json), &t, why))
		fail_msg("%s", why);
	n = vex_tokenizer_encode(t, text, strlen(text), SIZE_MAX, &ids);
	assert_true(n >= 0);
	for (i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%u", i ? " " : "", ids[i]);
	assert_string_equal(got, expected);
	free(ids);
	vex_tokenizer_free(t);
}

static void test_wordpiece(void **state)
{
	assert_tokens(M2V_WORDPIECE, "Car", "2");
	assert_tokens(M2V_WORDPIECE, "cars AUTOMOBILES", "2 6 3 4 6");
	assert_tokens(M2V_WORDPIECE, "car,bread", "2 1 5");
	assert_tokens(M2V_WORDPIECE, "carx", "1");			/* a part is unknown: all of it is */
	assert_tokens(M2V_WORDPIECE, "s mobile", "1 1");		/* only inside of words */
	assert_tokens(M2V_WORDPIECE, "c\xc3\xa2r", "2");		/* accents, composed */
	assert_tokens(M2V_WORDPIECE, "ca\xcc\x82r", "2");		/* and not */
	assert_tokens(M2V_WORDPIECE, "c\xe2\x80\x8b" "ar\x01", "2");	/* a format and a control character */
	assert_tokens(M2V_WORDPIECE, "car\xe8\xbb\x8a" "bread", "2 1 5"); /* an ideograph is a word */
	assert_tokens(M2V_WORDPIECE, "car\xc2\xa0" "bread", "2 5");	/* a blank that is another */
	assert_tokens(M2V_WORDPIECE, "car[PAD]bread", "2 0 5");
	assert_tokens(M2V_WORDPIECE, "car[pad]", "2 1 1 1");
	assert_tokens(M2V_WORDPIECE, "c\xff" "ar \xc3", "1 1");		/* not UTF-8 */
	assert_tokens(M2V_WORDPIECE, "", "");
}

static void test_long_word(void **state)
{
	char word[4000];

	memset(word, 's', sizeof(word));
	memcpy(word, "car", 3);
	word[100] = '\0';
	assert_tokens("{" M2V_BERT ",\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[UNK]\":0,\"car\":1,"
		      "\"##s\":2,\"##sssss\":3,\"##sssssssss\":4}}}", word, "1 4 4 4 4 4 4 4 4 4 4 3 2 2");
	word[100] = 's';
	word[101] = '\0';
	assert_tokens(M2V_WORDPIECE, word, "1");
	memset(word, 's', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_tokens("{\"model\":{\"type\":\"WordPiece\",\"max_input_chars_per_word\":9999,\"vocab\":{\"[UNK]\":0,"
		      "\"s\":1}}}", word, "0");
}

#define UNIGRAM(more, vocab) \
	"{\"added_tokens\":[],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\"," \
	"\"prepend_scheme\":\"always\",\"split\":true}," more "\"model\":{\"type\":\"Unigram\",\"unk_id\":0," \
	"\"byte_fallback\":false,\"vocab\":[" vocab "]}}"
#define VOCAB "[\"<unk>\",0],[\"\xe2\x96\x81\",-2],[\"a\",-3],[\"b\",-3],[\"ab\",-5],[\"abc\",-7],[\"\xe2\x96\x81" \
	"ab\",-4],[\"c\",-3],[\"bc\",-3.5]"

/*
 * By hand, with _ for the mark: "_abc" is _ab c (-4-3 = -7), better than _ a bc (-8.5) and _ abc (-9); "abc" without a
 * mark is a bc (-6.5), better than abc (-7).
 */
static void test_unigram(void **state)
{
	assert_tokens(UNIGRAM("", VOCAB), "abc", "6 7");
	assert_tokens(UNIGRAM("", VOCAB), "ab abc", "6 6 7");
	assert_tokens(UNIGRAM("", VOCAB), "ab  c", "6 1 1 7");
	assert_tokens(UNIGRAM("", VOCAB), "xyab", "1 0 4");	/* neighbours that are unknown are one */
	assert_tokens("{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[" VOCAB "]}}", "abc", "2 8");
	assert_tokens("{\"model\":{\"type\":\"Unigram\",\"unk_id\":null,\"vocab\":[" VOCAB "]}}", "axb", "2 3");
	assert_tokens("{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"byte_fallback\":true,\"vocab\":[" VOCAB
		      ",[\"<0xC3>\",-9],[\"<0xA9>\",-9]]}}", "a\xc3\xa9z", "2 0");
	assert_tokens("{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"byte_fallback\":true,\"vocab\":[" VOCAB
		      ",[\"<0xC3>\",-9],[\"<0xA9>\",-9]]}}", "a\xc3\xa9", "2 9 10");
}

/* As the example in the documentation of the library tokenizers has it. */
static void test_unigram_documented(void **state)
{
	assert_tokens("{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"<unk>\",0.0],[\"a\",0.0],[\"b\",0.0],"
		      "[\"c\",0.0],[\"d\",0.0],[\"cd\",1.0],[\"ab\",2.0],[\"abc\",5.0],[\"abcd\",10.0]]}}", "abcdacdxx",
		      "8 1 5 0");
}

static void test_metaspace(void **state)
{
#define META(how) "{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\"" how "},\"model\":{\"type\":" \
	"\"WordLevel\",\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"_a\":1,\"a\":2,\"_b\":3,\"_a_b\":4,\"a_b\":5}}}"
	assert_tokens(META(""), "a b", "1 3");
	assert_tokens(META(",\"add_prefix_space\":false"), "a b", "2 3");
	assert_tokens(META(",\"prepend_scheme\":\"never\""), "a b", "2 3");
	assert_tokens(META(",\"prepend_scheme\":\"first\""), "a b", "1 3");
	assert_tokens(META(",\"prepend_scheme\":\"always\",\"split\":false"), "a b", "4");
	assert_tokens(META(",\"prepend_scheme\":\"never\",\"split\":false"), "a b", "5");
	assert_tokens(META(""), " a b", "1 3");
	assert_tokens("{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"},"
		      "{\"type\":\"Metaspace\",\"replacement\":\"_\"}]},\"model\":{\"type\":\"WordLevel\",\"unk_token\":"
		      "\"?\",\"vocab\":{\"?\":0,\"_a\":1}}}", "a\n \ta", "1 1");
}

static void test_splits(void **state)
{
#define SPLIT(how) "{\"pre_tokenizer\":{\"type\":" how "},\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"?\"," \
	"\"vocab\":{\"?\":0,\"a_1\":1,\"!!\":2,\"!\":3,\"a_\":4,\"1\":5,\"12\":6,\"a\":7,\"_\":8}}}"
	assert_tokens(SPLIT("\"Whitespace\""), "a_1!! a", "1 2 7");
	assert_tokens(SPLIT("\"WhitespaceSplit\""), " a_1\xe2\x80\x83!!", "1 2");
	assert_tokens(SPLIT("\"BertPreTokenizer\""), "a_!!", "7 8 3 3");
	assert_tokens(SPLIT("\"Punctuation\",\"behavior\":\"Isolated\""), "a_!!", "7 8 3 3");
	assert_tokens(SPLIT("\"Digits\",\"individual_digits\":true"), "a_12", "4 5 0");
	assert_tokens(SPLIT("\"Digits\",\"individual_digits\":false"), "a_12", "4 6");
}

static void test_normalizers(void **state)
{
#define NORMAL(how) "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[" how "]},\"model\":{\"type\":" \
	"\"WordLevel\",\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"a b\":1,\"A B\":2,\"fi\":3,\"e\":4,\"\xc3\xa9\":5," \
	"\"e\xcc\x81\":6,\"-a\":7,\"a , b\":8,\"i\xcc\x87\":9}}}"
	assert_tokens(NORMAL("{\"type\":\"Lowercase\"}"), "A B", "1");
	assert_tokens(NORMAL("{\"type\":\"Lowercase\"}"), "\xc4\xb0", "9");
	assert_tokens(NORMAL("{\"type\":\"NFKC\"}"), "\xef\xac\x81", "3");
	assert_tokens(NORMAL("{\"type\":\"NFC\"}"), "e\xcc\x81", "5");
	assert_tokens(NORMAL("{\"type\":\"NFD\"}"), "\xc3\xa9", "6");
	assert_tokens(NORMAL("{\"type\":\"NFKD\"},{\"type\":\"StripAccents\"}"), "\xc3\xa9", "4");
	assert_tokens(NORMAL("{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}"), " \ta b\n", "1");
	assert_tokens(NORMAL("{\"type\":\"Strip\",\"strip_left\":false,\"strip_right\":true}"), " a b", "0");
	assert_tokens(NORMAL("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\" \"}"), "a   b", "1");
	assert_tokens(NORMAL("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\s+\"},\"content\":\" \"}"), "a\n\n b", "1");
	assert_tokens(NORMAL("{\"type\":\"Replace\",\"pattern\":{\"String\":\",\"},\"content\":\" , \"}"), "a,b", "8");
	assert_tokens(NORMAL("{\"type\":\"Prepend\",\"prepend\":\"-\"}"), "a", "7");
	assert_tokens(NORMAL("{\"type\":\"Nmt\"}"), "a\xe2\x80\x8b" "b\x7f", "1");
}

static void put32(unsigned char *p, uint32_t n)
{
	n = htole32(n);
	memcpy(p, &n, 4);
}

static void base64(const unsigned char *p, size_t n, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i;

	for (i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);

		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		*out++ = i + 2 < n ? digits[v & 63] : '=';
	}
	*out = '\0';
}

/*
 * A map with one entry, "A" to "bb": the root's offset is 1, the node of 'A' is at 1 ^ 'A' with the offset 2 and a leaf,
 * which is at 1 ^ 'A' ^ 2 and has the place 0 of the texts.
 */
static size_t make_map(unsigned char map[600], unsigned int place)
{
	memset(map, 0, 600);
	put32(map, 4 * 128);
	put32(map + 4, 1u << 10);
	put32(map + 4 + 4 * (1 ^ 'A'), 2u << 10 | 1u << 8 | 'A');
	put32(map + 4 + 4 * (1 ^ 'A' ^ 2), 1u << 31 | place);
	memcpy(map + 4 + 512, "bb", 3);
	return 4 + 512 + 3;
}

static void test_charsmap(void **state)
{
	unsigned char map[600];
	char text[1000], json[1400];
	size_t len = make_map(map, 0), i;
	struct vex_tokenizer *t;
	uint32_t *ids;

#define MAPPED "{\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"%s\"},\"model\":{\"type\":" \
	"\"WordLevel\",\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"bb\":1,\"bbxbb\":2,\"bb\xcc\x82\":3,\"B\":4}}}"
	base64(map, len, text);
	snprintf(json, sizeof(json), MAPPED, text);
	assert_tokens(json, "A", "1");
	assert_tokens(json, "AxA", "2");
	assert_tokens(json, "B", "4");
	/* a cluster of up to five bytes is replaced by what its beginning maps to */
	assert_tokens(json, "A\xcc\x82", "1");
	assert_tokens(json, "A\xcc\x82\xcc\x82\xcc\x82", "0");
	/* damaged maps are refused, or do nothing */
	for (i = 0; i < len; i++) {
		base64(map, i, text);
		snprintf(json, sizeof(json), MAPPED, text);
		if (i < len - 2)
			assert_int_equal(vex_tokenizer_load(json, strlen(json), &t, why), -EBADMSG);
	}
	len = make_map(map, 0x7fffffff);
	for (i = 0; i < len - 4; i++) {
		put32(map + 4, (uint32_t)(i * 2654435761u));
		put32(map + 4 + 4 * (1 ^ 'A'), (uint32_t)(i * 40503u) << 9 | 1u << 8 | 'A');
		base64(map, len, text);
		snprintf(json, sizeof(json), MAPPED, text);
		assert_int_equal(vex_tokenizer_load(json, strlen(json), &t, why), 0);
		assert_true(vex_tokenizer_encode(t, "AxA", 3, SIZE_MAX, &ids) >= 0);
		free(ids);
		vex_tokenizer_free(t);
	}
}

static void test_added(void **state)
{
#define ADDED(how) "{\"added_tokens\":[{\"id\":4,\"content\":\"New York\"" how "}]," M2V_BERT ",\"model\":{\"type\":" \
	"\"WordLevel\",\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"new\":1,\"york\":2,\"er\":3}}}"
	assert_tokens(ADDED(",\"normalized\":true"), "new york NEW YORK", "4 4");
	assert_tokens(ADDED(",\"normalized\":false"), "new york New York", "1 2 4");
	assert_tokens(ADDED(",\"normalized\":true,\"single_word\":true"), "New Yorker new york", "1 0 4");
	assert_tokens(ADDED(",\"normalized\":true"), "New Yorker", "4 3");
	assert_tokens(ADDED(",\"normalized\":true,\"special\":true"), "a New York", "0 4");
}

/* ---- what is not supported, or damaged --------------------------------------------------------------- */

static void refused(const char *json, const char *says)
{
	struct vex_tokenizer *t = NULL;

	why[0] = '\0';
	assert_int_equal(vex_tokenizer_load(json, strlen(json), &t, why), -EBADMSG);
	assert_null(t);
	if (!strstr(why, says))
		fail_msg("'%s' does not say '%s'", why, says);
}

#define MODEL(m) "{\"model\":{" m "}}"
#define LEVEL "\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0}}"

static void test_refused(void **state)
{
	refused("", "empty");
	refused("[]", "not a whole JSON object");
	refused("{\"model\":", "not a whole JSON object");
	refused("{}", "(no type)");
	refused(MODEL("\"type\":\"BPE\",\"vocab\":{},\"merges\":[]"), "BPE");
	refused(MODEL("\"type\":\"WordPiece\""), "no vocabulary");
	refused(MODEL("\"type\":\"WordPiece\",\"vocab\":{\"a\":-1}"), "number");
	refused(MODEL("\"type\":\"WordPiece\",\"vocab\":{\"a\":4294967296}"), "number");
	refused(MODEL("\"type\":\"WordPiece\",\"vocab\":{\"a\":\"1\"}"), "number");
	refused(MODEL("\"type\":\"Unigram\",\"vocab\":{\"a\":1}"), "no vocabulary");
	refused(MODEL("\"type\":\"Unigram\",\"vocab\":[[\"a\"]]"), "without a score");
	refused(MODEL("\"type\":\"Unigram\",\"vocab\":[[\"a\",NaN]]"), "without a score");
	refused(MODEL("\"type\":\"Unigram\",\"vocab\":[[\"a\",-1]],\"unk_id\":1"), "not in its vocabulary");
	refused("{\"normalizer\":{\"type\":\"ByteLevel\"}," LEVEL "}", "ByteLevel");
	refused("{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(a|b)\"},\"content\":\"\"}," LEVEL "}",
		"(a|b)");
	refused("{\"normalizer\":7," LEVEL "}", "no name");
	refused("{\"pre_tokenizer\":{\"type\":\"Split\"}," LEVEL "}", "Split");
	refused("{\"pre_tokenizer\":{\"type\":\"Punctuation\",\"behavior\":\"Removed\"}," LEVEL "}", "Isolated");
	refused("{\"added_tokens\":[{\"id\":-1,\"content\":\"x\"}]," LEVEL "}", "added token");
	refused("{\"added_tokens\":[7]," LEVEL "}", "added token");
}

/* Deep, many and large: bounded, and refused. */
static void test_hostile_json(void **state)
{
	size_t n = 9000000, i;
	char *json = malloc(n + 100);

	assert_non_null(json);
	memset(json, '[', 1000);
	json[1000] = '\0';
	refused(json, "not a whole JSON object");
	strcpy(json, "{\"model\":[");
	for (i = strlen(json); i < n; i += 2)
		memcpy(json + i, "0,", 2);
	json[i] = '\0';
	refused(json, "too large");
	free(json);
}

static void test_tokenizer_truncated(void **state)
{
	static const char *const whole[] = { M2V_WORDPIECE, UNIGRAM("", VOCAB) };
	struct vex_tokenizer *t = NULL;
	size_t i, len;

	for (i = 0; i < 2; i++)
		for (len = 0; len < strlen(whole[i]); len++)
			assert_int_equal(vex_tokenizer_load(whole[i], len, &t, why), -EBADMSG);
	assert_null(t);
}

/* ---- vectors ------------------------------------------------------------------------------------------ */

static void write_tensors(const char *header, const void *data, size_t len)
{
	unsigned char *file;
	size_t n = m2v_tensors(&file, header, data, len);

	m2v_write(dir, "model.safetensors", file, n);
	free(file);
}

static struct vex_model2vec *open_model(void)
{
	unsigned char fingerprint[VEX_EMBED_FINGERPRINT];
	struct vex_model2vec *m = NULL;
	uint32_t dim;

	if (vex_model2vec_open(dir, &m, &dim, fingerprint, why))
		fail_msg("%s", why);
	assert_int_equal(dim, 3);
	return m;
}

static void assert_vector(const struct vex_model2vec *m, const char *text, float x, float y, float z)
{
	float v[3], want[3] = { x, y, z }, len = sqrtf(x * x + y * y + z * z);
	int i;

	assert_int_equal(vex_model2vec_embed(m, text, strlen(text), v), 0);
	for (i = 0; i < 3; i++)
		if (!(fabsf(v[i] - want[i] / len) < 1e-3f))
			fail_msg("%s: element %d is %g, not %g", text, i, (double)v[i], (double)(want[i] / len));
}

static void assert_none(const struct vex_model2vec *m, const char *text)
{
	float v[3];

	assert_int_equal(vex_model2vec_embed(m, text, strlen(text), v), -ENODATA);
}

/* Means of the rows in m2v_rows. */
static void assert_wordpiece_vectors(void)
{
	struct vex_model2vec *m = open_model();

	assert_vector(m, "car", 1, 0, 0);
	assert_vector(m, "car bread", 1, 2, 0);
	assert_vector(m, "Automobile bread", 4, 2, 4);	/* auto ##mobile bread */
	assert_vector(m, "cars whatever", 1, 0, 1);	/* car ##s; unknown words do not count */
	assert_none(m, "whatever ...");
	assert_none(m, "");
	assert_none(m, "[PAD]");			/* zeros */
	vex_model2vec_close(m);
}

static void test_f32(void **state)
{
	m2v_model(dir, 1);
	assert_wordpiece_vectors();
}

/* Of small whole numbers: the float's upper bits are all there is. */
static uint16_t half_of(float f, bool brain)
{
	uint32_t bits;

	memcpy(&bits, &f, 4);
	if (brain)
		return (uint16_t)(bits >> 16);
	return f != 0 ? (uint16_t)((((bits >> 23) - 112) << 10) | (bits >> 13 & 0x3ff)) : 0;
}

static void test_other_types(void **state)
{
	uint16_t half[7][3], brain[7][3];
	signed char small[7][3];
	double wide[7][3];
	int i;

	m2v_model(dir, 1);
	for (i = 0; i < 21; i++) {
		float f = m2v_rows[i / 3][i % 3];

		half[i / 3][i % 3] = htole16(half_of(f, false));
		brain[i / 3][i % 3] = htole16(half_of(f, true));
		small[i / 3][i % 3] = (signed char)(f * 10);
		wide[i / 3][i % 3] = (double)f;
	}
	write_tensors("{\"embeddings\":{\"dtype\":\"F16\",\"shape\":[7,3],\"data_offsets\":[0,42]}}", half, sizeof(half));
	assert_wordpiece_vectors();
	write_tensors("{\"embeddings\":{\"dtype\":\"BF16\",\"shape\":[7,3],\"data_offsets\":[0,42]}}", brain, 42);
	assert_wordpiece_vectors();
	write_tensors("{\"embedding.weight\":{\"dtype\":\"I8\",\"shape\":[7,3],\"data_offsets\":[0,21]}}", small, 21);
	assert_wordpiece_vectors();
	write_tensors("{\"__metadata__\":{\"format\":\"pt\"},\"embeddings\":{\"dtype\":\"F64\",\"shape\":[7,3],"
		      "\"data_offsets\":[0,168]}}", wide, sizeof(wide));
	assert_wordpiece_vectors();
}

/* A quantised vocabulary: two vectors for seven tokens, each with its weight. */
static void test_weights_and_mapping(void **state)
{
	struct {
		int64_t map[7];
		float rows[2][3], weights[7];
	} data = { { 0, 0, 0, 0, 1, 1, 1 }, { { 1, 0, 0 }, { 0, 1, 0 } }, { 0, 1, 0.5f, 2, 4, 8, 16 } };
	struct vex_model2vec *m;

	m2v_model(dir, 1);
	write_tensors("{\"weights\":{\"dtype\":\"F32\",\"shape\":[7],\"data_offsets\":[80,108]},\"embeddings\":{\"dtype\":"
		      "\"F32\",\"shape\":[2,3],\"data_offsets\":[56,80]},\"mapping\":{\"dtype\":\"I64\",\"shape\":[7],"
		      "\"data_offsets\":[0,56]}}", &data, 108);
	m = open_model();
	assert_vector(m, "car", 1, 0, 0);
	assert_vector(m, "car bread", 0.5f, 8, 0);
	assert_vector(m, "automobiles", 2, 20, 0);
	vex_model2vec_close(m);
	data.map[3] = 2;
	write_tensors("{\"weights\":{\"dtype\":\"F32\",\"shape\":[7],\"data_offsets\":[80,108]},\"embeddings\":{\"dtype\":"
		      "\"F32\",\"shape\":[2,3],\"data_offsets\":[56,80]},\"mapping\":{\"dtype\":\"I64\",\"shape\":[7],"
		      "\"data_offsets\":[0,56]}}", &data, 108);
	{
		unsigned char fingerprint[VEX_EMBED_FINGERPRINT];
		uint32_t dim;

		assert_int_equal(vex_model2vec_open(dir, &m, &dim, fingerprint, why), -EBADMSG);
		assert_non_null(strstr(why, "not there"));
	}
}

static void test_unigram_vectors(void **state)
{
	static const char json[] = UNIGRAM("", "[\"<unk>\",0],[\"\xe2\x96\x81" "car\",-1],[\"s\",-2],[\"\xe2\x96\x81\",-3]");
	static const uint16_t rows[4][3] = { { 0, 0, 0x3c00 }, { 0x3c00, 0, 0 }, { 0, 0x4000, 0 }, { 0, 0, 0 } };
	struct vex_model2vec *m;

	m2v_write(dir, "tokenizer.json", json, strlen(json));
	write_tensors("{\"embeddings\":{\"dtype\":\"F16\",\"shape\":[4,3],\"data_offsets\":[0,24]}}", rows, sizeof(rows));
	m = open_model();
	assert_vector(m, "car", 1, 0, 0);
	assert_vector(m, "cars", 1, 2, 0);
	assert_vector(m, "cars xyz", 1, 2, 1);		/* an unknown token without a name counts, as in model2vec */
	assert_vector(m, "xyz", 0, 0, 1);
	assert_none(m, " ");
	vex_model2vec_close(m);
}

static void test_vocab_txt(void **state)
{
	static const char words[] = "[PAD]\n[UNK]\ncar\nauto\n##mobile\nbread\n##s\n";
	char path[100];

	m2v_model(dir, 1);
	snprintf(path, sizeof(path), "%s/tokenizer.json", dir);
	assert_int_equal(unlink(path), 0);
	m2v_write(dir, "vocab.txt", words, strlen(words));
	assert_wordpiece_vectors();
	m2v_write(dir, "vocab.txt", words, strlen(words) - 1);	/* the last line without its end */
	assert_wordpiece_vectors();
}

/* The same model, by its file and in a directory below. */
static void test_places(void **state)
{
	unsigned char first[VEX_EMBED_FINGERPRINT], second[VEX_EMBED_FINGERPRINT];
	char path[200], top[64];
	struct vex_model2vec *m;
	uint32_t dim;

	strcpy(top, dir);
	snprintf(path, sizeof(path), "%s/0_StaticEmbedding", top);
	m2v_model(path, 1);
	assert_int_equal(vex_model2vec_open(top, &m, &dim, first, why), 0);
	vex_model2vec_close(m);
	snprintf(path, sizeof(path), "%s/0_StaticEmbedding/model.safetensors", top);
	assert_int_equal(vex_model2vec_open(path, &m, &dim, second, why), 0);
	vex_model2vec_close(m);
	assert_memory_equal(first, second, sizeof(first));
	snprintf(path, sizeof(path), "%s/0_StaticEmbedding", top);
	m2v_model(path, 2);
	assert_int_equal(vex_model2vec_open(path, &m, &dim, second, why), 0);
	vex_model2vec_close(m);
	assert_memory_not_equal(first, second, sizeof(first));
	assert_int_equal(vex_model2vec_open("/nonexistent", &m, &dim, second, why), -ENOENT);
	assert_string_equal(why, "No such file or directory");
}

/* ---- files that are not models -------------------------------------------------------------------------- */

static void bad_tensors(const char *header, size_t len, const char *says)
{
	static const unsigned char zeros[1000];
	unsigned char fingerprint[VEX_EMBED_FINGERPRINT];
	struct vex_model2vec *m = NULL;
	uint32_t dim;

	write_tensors(header, zeros, len);
	why[0] = '\0';
	assert_int_equal(vex_model2vec_open(dir, &m, &dim, fingerprint, why), -EBADMSG);
	assert_null(m);
	if (!strstr(why, says))
		fail_msg("'%s' does not say '%s'", why, says);
}

#define ROWS(dtype, shape, offsets) \
	"{\"embeddings\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void test_hostile_tensors(void **state)
{
	m2v_model(dir, 1);
	bad_tensors("", 84, "impossible");
	bad_tensors("[]", 84, "not a JSON object");
	bad_tensors("{\"embeddings\":7}", 84, "no dtype");
	bad_tensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[21],\"data_offsets\":[0,84]}}", 84, "no tensor 'embeddings'");
	bad_tensors(ROWS("F33", "[7,3]", "[0,84]"), 84, "unknown dtype");
	bad_tensors(ROWS("I32", "[7,3]", "[0,84]"), 84, "not F64, F32");
	bad_tensors(ROWS("U8", "[7,3]", "[0,21]"), 21, "not F64, F32");
	bad_tensors(ROWS("F32", "[7,3]", "[0,85]"), 84, "after the end");
	bad_tensors(ROWS("F32", "[7,3]", "[84,0]"), 84, "data_offsets");
	bad_tensors(ROWS("F32", "[7,3]", "[-1,83]"), 84, "data_offsets");
	bad_tensors(ROWS("F32", "[7,3]", "[0]"), 84, "data_offsets");
	bad_tensors(ROWS("F32", "[7,3]", "[0,1.5]"), 84, "data_offsets");
	bad_tensors(ROWS("F32", "[7,3]", "[0,18446744073709551615]"), 84, "data_offsets");
	bad_tensors(ROWS("F32", "[7,3]", "[0,99999999999999999999999999]"), 84, "data_offsets");
	bad_tensors(ROWS("F32", "[7,4]", "[0,84]"), 84, "number of bytes");
	bad_tensors(ROWS("F32", "[4294967296,4294967296]", "[0,84]"), 84, "impossible shape");
	bad_tensors(ROWS("F32", "[4611686018427387904,4]", "[0,0]"), 0, "impossible shape");
	bad_tensors(ROWS("F32", "[4611686018427387904]", "[0,0]"), 0, "number of bytes");
	bad_tensors(ROWS("F32", "[-7,-3]", "[0,84]"), 84, "impossible shape");
	bad_tensors(ROWS("F32", "[7,3,1,1,1]", "[0,84]"), 84, "more than 4");
	bad_tensors(ROWS("F32", "[21]", "[0,84]"), 84, "not a matrix");
	bad_tensors(ROWS("F32", "[0,3]", "[0,0]"), 0, "not a matrix");
	bad_tensors(ROWS("F32", "[3,7]", "[0,84]"), 84, "not of one model");
	bad_tensors(ROWS("F32", "[7,3]", "[0,84]"), 85, "after the last tensor");
	bad_tensors(ROWS("F32", "[7,3]", "[4,88]"), 88, "gap");
	bad_tensors("{\"embeddings\":{\"dtype\":\"F32\",\"shape\":[7,3],\"data_offsets\":[0,84]},\"weights\":{\"dtype\":"
		    "\"F32\",\"shape\":[7],\"data_offsets\":[80,108]}}", 108, "overlaps");
	bad_tensors("{\"embeddings\":{\"dtype\":\"F32\",\"shape\":[7,3],\"data_offsets\":[0,84]},\"weights\":{\"dtype\":"
		    "\"F32\",\"shape\":[6],\"data_offsets\":[84,108]}}", 108, "for each token");
	bad_tensors("{\"embeddings\":{\"dtype\":\"F32\",\"shape\":[7,3],\"data_offsets\":[0,84]},\"mapping\":{\"dtype\":"
		    "\"F32\",\"shape\":[7],\"data_offsets\":[84,112]}}", 112, "not I32");
	bad_tensors("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}}", 84, "not a JSON object");
}

/* Every length that is not the whole. */
static void test_truncated(void **state)
{
	unsigned char fingerprint[VEX_EMBED_FINGERPRINT], *file;
	struct vex_model2vec *m = NULL;
	size_t len, n;
	uint32_t dim;

	m2v_model(dir, 1);
	n = m2v_tensors(&file, ROWS("F32", "[7,3]", "[0,84]"), m2v_rows, sizeof(m2v_rows));
	for (len = 0; len < n; len++) {
		m2v_write(dir, "model.safetensors", file, len);
		assert_int_equal(vex_model2vec_open(dir, &m, &dim, fingerprint, why), -EBADMSG);
		assert_non_null(strstr(why, "model.safetensors: "));
	}
	m2v_write(dir, "model.safetensors", file, n);
	for (len = 0; len < strlen(M2V_WORDPIECE); len++) {
		m2v_write(dir, "tokenizer.json", M2V_WORDPIECE, len);
		assert_int_equal(vex_model2vec_open(dir, &m, &dim, fingerprint, why), -EBADMSG);
		assert_non_null(strstr(why, "tokenizer.json: "));
	}
	assert_null(m);
	free(file);
}

static void test_not_finite(void **state)
{
	float rows[7][3], v[3];
	struct vex_model2vec *m;

	m2v_model(dir, 1);
	memcpy(rows, m2v_rows, sizeof(rows));
	rows[2][1] = NAN;
	rows[5][1] = INFINITY;
	write_tensors(ROWS("F32", "[7,3]", "[0,84]"), rows, sizeof(rows));
	m = open_model();
	assert_int_equal(vex_model2vec_embed(m, "car", 3, v), -EBADMSG);
	assert_int_equal(vex_model2vec_embed(m, "bread", 5, v), -EBADMSG);
	assert_vector(m, "auto", 1, 0, 0);
	vex_model2vec_close(m);
}

/* 512 times the median length of a token: "##s", "car", ... have 5 characters. */
static void test_long_text(void **state)
{
	struct vex_model2vec *m;
	char text[6000];
	size_t i;

	m2v_model(dir, 1);
	m = open_model();
	for (i = 0; i + 4 <= sizeof(text); i += 4)
		memcpy(text + i, "car ", 4);
	strcpy(text + 2560, "bread");
	assert_vector(m, text, 1, 0, 0);
	memcpy(text + 2550, " bread    ", 10);
	for (i = 0; i < 2048; i += 2)
		memcpy(text + i, "x ", 2);	/* unknown ones do not count among the 512 tokens */
	assert_vector(m, text + 0, 126, 2, 0);
	vex_model2vec_close(m);
}

/* Any change of a byte is refused or harmless. */
static void test_flipped(void **state)
{
	unsigned char fingerprint[VEX_EMBED_FINGERPRINT], *file;
	size_t n, i, header = strlen(ROWS("F32", "[7,3]", "[0,84]"));
	struct vex_model2vec *m;
	char json[sizeof(M2V_WORDPIECE)];
	uint32_t dim;
	float *v;

	m2v_model(dir, 1);
	n = m2v_tensors(&file, ROWS("F32", "[7,3]", "[0,84]"), m2v_rows, sizeof(m2v_rows));
	for (i = 0; i < 8 * (8 + header) + 8 * sizeof(M2V_WORDPIECE) - 8; i++) {
		strcpy(json, M2V_WORDPIECE);
		if (i < 8 * (8 + header))
			file[i / 8] ^= (unsigned char)(1 << i % 8);
		else
			json[i / 8 - 8 - header] ^= (char)(1 << i % 8);
		m2v_write(dir, "model.safetensors", file, n);
		m2v_write(dir, "tokenizer.json", json, sizeof(json) - 1);
		if (i < 8 * (8 + header))
			file[i / 8] ^= (unsigned char)(1 << i % 8);
		if (vex_model2vec_open(dir, &m, &dim, fingerprint, why))
			continue;
		v = calloc(dim, sizeof(*v));
		vex_model2vec_embed(m, "cars [PAD] automobile", 21, v);
		free(v);
		vex_model2vec_close(m);
	}
	free(file);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wordpiece), cmocka_unit_test(test_long_word), cmocka_unit_test(test_unigram),
		cmocka_unit_test(test_unigram_documented), cmocka_unit_test(test_metaspace), cmocka_unit_test(test_splits),
		cmocka_unit_test(test_normalizers), cmocka_unit_test(test_charsmap), cmocka_unit_test(test_added),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_hostile_json),
		cmocka_unit_test(test_tokenizer_truncated), IN_DIR(test_f32), IN_DIR(test_other_types),
		IN_DIR(test_weights_and_mapping), IN_DIR(test_unigram_vectors), IN_DIR(test_vocab_txt), IN_DIR(test_places),
		IN_DIR(test_hostile_tensors), IN_DIR(test_truncated), IN_DIR(test_not_finite), IN_DIR(test_long_text),
		IN_DIR(test_flipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
