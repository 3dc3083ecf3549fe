// SPDX-License-Identifier: GPL-2.0
/* Records of the vector half on disk: verifiers. Nothing here takes or needs a lock. */
#include "core/btree.h"
#include "core/coll.h"
#include "core/feature.h"

/* ---- collections --------------------------------------------------------- */

static bool name_char_valid(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

bool vexfs_coll_name_valid(const char *name, size_t len)
{
	size_t i;

	if (!len || len > VEXFS_COLL_NAME_LEN)
		return false;
	for (i = 0; i < len; i++)
		if (!name_char_valid(name[i]))
			return false;
	return true;
}

struct vexfs_space vexfs_coll_space(const struct vexfs_collection *c)
{
	return (struct vexfs_space){
		.dim = le32_to_cpu(c->c_dim), .elem = c->c_elem, .metric = c->c_metric,
	};
}

/* NUL padded: a name has one representation, so that records can be compared. */
static bool name_field_valid(const u8 *field)
{
	size_t len = strnlen((const char *)field, VEXFS_COLL_NAME_LEN + 1);

	return vexfs_coll_name_valid((const char *)field, len) &&
	       vexfs_all_zero(field + len, VEXFS_COLL_NAME_LEN + 1 - len);
}

static const char *check_slots(const struct vexfs_collection *c, const struct vexfs_geo *geo)
{
	u64 nslots = le64_to_cpu(c->c_nslots), blocks = nslots / VEXFS_SLOTS_PER_BLOCK;

	if (nslots > 0xffffffffULL || blocks * VEXFS_SLOTS_PER_BLOCK != nslots ||
	    blocks > vexfs_geo_blocks(geo))
		return "impossible number of slots";
	return vexfs_root_verify(&c->c_map, false, vexfs_geo_blocks(geo));
}

static bool embedder_valid(const u8 *field)
{
	size_t len = strnlen((const char *)field, VEXFS_EMBEDDER_LEN);

	return len < VEXFS_EMBEDDER_LEN && vexfs_all_zero(field + len, VEXFS_EMBEDDER_LEN - len);
}

/* Fields that a version which knows them gives a meaning. */
static const char *check_unknown(const struct vexfs_collection *c, const struct vexfs_geo *geo)
{
	if (c->c_flags)
		return "unknown collection flags";
	if (le32_to_cpu(c->c_mode) & ~0666U)
		return "impossible collection mode";
	if (!embedder_valid(c->c_embedder))
		return "impossible embedder name";
	return vexfs_feature_check_coll(c, geo);
}

const char *vexfs_coll_verify(const struct vexfs_collection *c, const struct vexfs_geo *geo,
			      u32 id)
{
	struct vexfs_space space = vexfs_coll_space(c);
	const char *why;

	if (le32_to_cpu(c->c_state) == VEXFS_COLL_FREE)
		return vexfs_all_zero(c, sizeof(*c)) ? NULL : "free collection record is not empty";
	if (le32_to_cpu(c->c_state) > VEXFS_COLL_DROPPING)
		return "unknown collection state";
	if (le32_to_cpu(c->c_id) != id)
		return "collection's index is not its place in the table";
	if (!name_field_valid(c->c_name))
		return "impossible collection name";
	if (!vexfs_space_valid(&space))
		return "impossible dimension, element type or metric";
	why = check_unknown(c, geo);
	return why ? why : check_slots(c, geo);
}

/* ---- a collection's files -------------------------------------------------- */

/**
 * struct coll_file - one of a collection's files
 * @name:  for messages
 * @ino:   offset of the field that names its inode
 * @bytes: it has for one vector; NULL: the slot table
 */
struct coll_file {
	const char *name;
	size_t	ino;
	u32	(*bytes)(const struct vexfs_space *s);
};

/* A new file of a collection needs a line here and its field, nothing else. */
static const struct coll_file coll_files[VEXFS_COLL_FILES + 1] = {
	[VEXFS_COLL_SLOTS] = { "slot table", offsetof(struct vexfs_collection, c_slot_ino), NULL },
	[VEXFS_COLL_PAYLOAD] = { "payload", offsetof(struct vexfs_collection, c_payload_ino),
				 vexfs_vec_bytes },
	[VEXFS_COLL_CODE] = { "code", offsetof(struct vexfs_collection, c_code_ino),
			      vexfs_code_bytes },
	[VEXFS_COLL_GRAPH] = { "graph", offsetof(struct vexfs_collection, c_graph_ino), NULL },
};

const char *vexfs_coll_file_name(enum vexfs_coll_file which)
{
	return coll_files[which].name;
}

u64 vexfs_coll_file_ino(const struct vexfs_collection *c, enum vexfs_coll_file which)
{
	__le64 ino;

	memcpy(&ino, (const u8 *)c + coll_files[which].ino, sizeof(ino));
	return le64_to_cpu(ino);
}

void vexfs_coll_file_set_ino(struct vexfs_collection *c, enum vexfs_coll_file which, u64 ino)
{
	__le64 field = cpu_to_le64(ino);

	memcpy((u8 *)c + coll_files[which].ino, &field, sizeof(field));
}

u32 vexfs_coll_file_record(const struct vexfs_space *space, enum vexfs_coll_file which)
{
	return coll_files[which].bytes ? coll_files[which].bytes(space) : 0;
}

u32 vexfs_coll_charge(const struct vexfs_space *space)
{
	u32 bytes = sizeof(struct vexfs_slot), i;
	struct vexfs_layout l;

	for (i = 0; i < VEXFS_COLL_FILES; i++) {
		if (i == VEXFS_COLL_SLOTS)
			continue;
		vexfs_layout_init(&l, vexfs_coll_file_record(space, i));
		bytes += l.stride;
	}
	return bytes;
}

u64 vexfs_coll_file_blocks(const struct vexfs_collection *c, enum vexfs_coll_file which)
{
	struct vexfs_space space = vexfs_coll_space(c);
	u32 nslots = le64_to_cpu(c->c_nslots);
	struct vexfs_layout l;

	if (which == VEXFS_COLL_SLOTS)
		return nslots / VEXFS_SLOTS_PER_BLOCK;
	vexfs_layout_init(&l, vexfs_coll_file_record(&space, which));
	return vexfs_layout_need(&l, nslots);
}

/* ---- slots ------------------------------------------------------------------ */

const char *vexfs_slot_verify(const struct vexfs_slot *v, const struct vexfs_geo *geo,
			      u64 stamp_limit)
{
	if (v->v_state == VEXFS_SLOT_FREE)
		return vexfs_all_zero(v, sizeof(*v)) ? NULL : "free slot is not empty";
	if (v->v_state != VEXFS_SLOT_LIVE)
		return "unknown slot state";
	if (v->v_flags)
		return "slot with unknown flags";
	if (!vexfs_ino_valid(geo, le64_to_cpu(v->v_ino)))
		return "slot of an impossible inode";
	if (le32_to_cpu(v->v_chunk) > VEXFS_MAX_CHUNK)
		return "slot's chunk number out of range";
	if (le64_to_cpu(v->v_stamp) >= stamp_limit)
		return "slot's stamp not below the collection's limit";
	return vexfs_feature_check_slot(v, geo);
}
