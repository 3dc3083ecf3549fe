/* SPDX-License-Identifier: GPL-2.0 */
/* Small models of static embeddings, written by the tests that read them. */
#ifndef M2VMODEL_H
#define M2VMODEL_H

#include <assert.h>
#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of BERT: seven tokens. */
#define M2V_BERT \
	"\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":true," \
	"\"strip_accents\":null,\"lowercase\":true},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}"
#define M2V_WORDPIECE \
	"{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[{\"id\":0,\"content\":\"[PAD]\"," \
	"\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}]," M2V_BERT "," \
	"\"post_processor\":null,\"decoder\":null,\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\"," \
	"\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,\"vocab\":{" \
	"\"[PAD]\":0,\"[UNK]\":1,\"car\":2,\"auto\":3,\"##mobile\":4,\"bread\":5,\"##s\":6}}}"
/* The vectors of its tokens. */
static const float m2v_rows[7][3] = {
	{ 0, 0, 0 }, { 9, 9, 9 }, { 1, 0, 0 }, { 3, 0, 0 }, { 1, 0, 4 }, { 0, 2, 0 }, { 0, 0, 1 },
};

/* A file, whole. */
static __attribute__((unused)) void m2v_write(const char *dir, const char *name, const void *data, size_t len)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);	/* filesystems write a file out that is cut and written anew */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len || close(fd))
		abort();
}

/* safetensors: the header, and then the bytes of its tensors; the length of all, which is in *@out. */
static __attribute__((unused)) size_t m2v_tensors(unsigned char **out, const char *header, const void *data, size_t len)
{
	uint64_t n = htole64(strlen(header));

	*out = malloc(8 + strlen(header) + len);
	if (!*out)
		abort();
	memcpy(*out, &n, 8);
	memcpy(*out + 8, header, strlen(header));
	memcpy(*out + 8 + strlen(header), data, len);
	return 8 + strlen(header) + len;
}

/* M2V_WORDPIECE and its vectors in @dir, with all multiplied by @factor. */
static __attribute__((unused)) void m2v_model(const char *dir, float factor)
{
	float rows[7][3];
	unsigned char *file;
	size_t len, i;

	for (i = 0; i < 21; i++)
		rows[i / 3][i % 3] = m2v_rows[i / 3][i % 3] * factor;
	len = m2v_tensors(&file, "{\"embeddings\":{\"dtype\":\"F32\",\"shape\":[7,3],\"data_offsets\":[0,84]}}", rows,
			  sizeof(rows));
	mkdir(dir, 0755);
	m2v_write(dir, "model.safetensors", file, len);
	m2v_write(dir, "tokenizer.json", M2V_WORDPIECE, strlen(M2V_WORDPIECE));
	free(file);
}

#endif /* M2VMODEL_H */
