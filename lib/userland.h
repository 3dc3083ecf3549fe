/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's vocabulary for core/ in user space: types, byte order, errors,
 * crc32c() and siphash(). Everything has the kernel's name and semantics, so that
 * a file of core/ means the same on both sides.
 */
#ifndef VEXFS_LIB_USERLAND_H
#define VEXFS_LIB_USERLAND_H

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

static inline u16 le16_to_cpu(__le16 v)
{
	return le16toh((u16)v);
}

static inline u32 le32_to_cpu(__le32 v)
{
	return le32toh((u32)v);
}

static inline u64 le64_to_cpu(__le64 v)
{
	return le64toh((u64)v);
}

static inline __le16 cpu_to_le16(u16 v)
{
	return (__le16)htole16(v);
}

static inline __le32 cpu_to_le32(u32 v)
{
	return (__le32)htole32(v);
}

static inline __le64 cpu_to_le64(u64 v)
{
	return (__le64)htole64(v);
}

static inline u32 be32_to_cpu(__be32 v)
{
	return be32toh((u32)v);
}

static inline __be32 cpu_to_be32(u32 v)
{
	return (__be32)htobe32(v);
}

static inline u16 get_unaligned_le16(const void *p)
{
	u16 v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static inline u32 get_unaligned_le32(const void *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline u64 get_unaligned_le64(const void *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline void put_unaligned_le16(u16 v, void *p)
{
	v = htole16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void put_unaligned_le32(u32 v, void *p)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void put_unaligned_le64(u64 v, void *p)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
/* Nothing grows here while others look. */
#define READ_ONCE(x)		(x)
#define smp_load_acquire(p)	(*(p))
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define fallthrough		__attribute__((__fallthrough__))

/* As in the kernel: both sides of one type, each evaluated once. */
#define min(x, y) ({				\
	__typeof__(x) min_x_ = (x);		\
	__typeof__(y) min_y_ = (y);		\
	(void)(&min_x_ == &min_y_);		\
	min_x_ < min_y_ ? min_x_ : min_y_; })
#define max(x, y) ({				\
	__typeof__(x) max_x_ = (x);		\
	__typeof__(y) max_y_ = (y);		\
	(void)(&max_x_ == &max_y_);		\
	max_x_ > max_y_ ? max_x_ : max_y_; })
#define min_t(type, x, y) ({			\
	type mint_x_ = (x);			\
	type mint_y_ = (y);			\
	mint_x_ < mint_y_ ? mint_x_ : mint_y_; })
#define max_t(type, x, y) ({			\
	type maxt_x_ = (x);			\
	type maxt_y_ = (y);			\
	maxt_x_ > maxt_y_ ? maxt_x_ : maxt_y_; })
#define swap(a, b) do {				\
	__typeof__(a) swap_t_ = (a);		\
	(a) = (b);				\
	(b) = swap_t_; } while (0)

/* lib/crc32c.c */
u32 crc32c(u32 crc, const void *data, size_t len);

/* lib/siphash.c */
typedef struct {
	u64 key[2];
} siphash_key_t;
u64 siphash(const void *data, size_t len, const siphash_key_t *key);

#endif /* VEXFS_LIB_USERLAND_H */
