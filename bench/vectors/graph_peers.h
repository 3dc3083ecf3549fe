/* SPDX-License-Identifier: GPL-2.0 */
/* Graph indexes that core's is compared with (hnsw.cc): squared L2, k at most 64, NULL if it cannot be built. */
#ifndef VEXFS_BENCH_GRAPH_PEERS_H
#define VEXFS_BENCH_GRAPH_PEERS_H

#ifdef __cplusplus
extern "C" {
#endif
void *hnsw_build(int dim, long n, const float *data);
void hnsw_search(void *index, const float *query, int ef, long *ids, int k);
void hnsw_close(void *index);
void *faiss_hnsw_build(int dim, long n, const float *data);
void faiss_hnsw_search(void *index, const float *query, int ef, long *ids, int k);
void faiss_hnsw_close(void *index);
#ifdef __cplusplus
}
#endif
#endif
