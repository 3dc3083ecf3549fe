/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tensors in a file of the format safetensors: 8 bytes with the length of a JSON header, little-endian, the header,
 * and the tensors' elements without a gap (https://github.com/huggingface/safetensors, "Format").
 *
 * The file is in memory, mapped as a rule, and from anywhere: every number in it is checked before it is used.
 */
#ifndef LIBVEXFS_SAFETENSORS_H
#define LIBVEXFS_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#define VEX_WHY			256		/* bytes of a message about what is wrong */
#define VEX_TENSORS_MAX		64
#define VEX_TENSOR_HEADER_MAX	(1u << 20)	/* bytes; static embeddings have some hundred */

enum vex_dtype { VEX_F64, VEX_F32, VEX_F16, VEX_BF16, VEX_I64, VEX_I32, VEX_I8, VEX_DTYPE_OTHER };

/**
 * struct vex_tensor - a tensor
 * @data:  its elements, little-endian, at any alignment
 * @n:     how many
 * @ndim, @shape: dimensions; scalars have none
 */
struct vex_tensor {
	char name[64];
	enum vex_dtype dtype;
	unsigned int ndim;
	uint64_t shape[4];
	uint64_t n;
	const unsigned char *data;
	uint64_t begin, end;
};

struct vex_tensors {
	unsigned int n;
	struct vex_tensor t[VEX_TENSORS_MAX];
};

/**
 * vex_tensors_parse - the tensors of a file of @len bytes at @file, which must stay there
 * @why: what is wrong with it
 *
 * Return: 0; -EBADMSG: not such a file, truncated, or with tensors that overlap, have gaps between them, or whose size
 * is not that of their shape; -ENOMEM.
 */
int vex_tensors_parse(const void *file, size_t len, struct vex_tensors *t, char why[VEX_WHY]);

/** vex_tensor_find - the tensor called @name, or NULL */
const struct vex_tensor *vex_tensor_find(const struct vex_tensors *t, const char *name);

/** vex_tensor_number - element @i < n of a tensor of a known type as a number */
double vex_tensor_number(const struct vex_tensor *t, uint64_t i);

/** vex_tensor_add_row - add @scale times row @row of @dim elements to @sum; of a tensor of floating point or I8 */
void vex_tensor_add_row(const struct vex_tensor *t, uint64_t row, uint32_t dim, double scale, double *sum);

#endif /* LIBVEXFS_SAFETENSORS_H */
