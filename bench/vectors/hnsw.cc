// SPDX-License-Identifier: GPL-2.0
// hnswlib and Faiss's HNSW behind a C interface. One thread, one query at a time; M 16, 200 candidates a build.
#include <cstdint>
#include <exception>

#include "graph_peers.h"

#ifdef HAVE_HNSWLIB
#include <hnswlib/hnswlib.h>

namespace {
struct Hnsw {
	hnswlib::L2Space space;
	hnswlib::HierarchicalNSW<float> index;

	Hnsw(int dim, long n) : space(dim), index(&space, n, 16, 200) {}
};
}

void *hnsw_build(int dim, long n, const float *data)
{
	auto *h = new Hnsw(dim, n);

	for (long i = 0; i < n; i++)
		h->index.addPoint(data + i * dim, i);
	return h;
}

void hnsw_search(void *index, const float *query, int ef, long *ids, int k)
{
	auto *h = static_cast<Hnsw *>(index);

	h->index.setEf(ef);
	auto found = h->index.searchKnn(query, k);
	for (int i = 0; i < k; i++)
		ids[i] = -1;
	for (int i = found.size(); i-- > 0; found.pop())
		ids[i] = found.top().second;
}

void hnsw_close(void *index)
{
	delete static_cast<Hnsw *>(index);
}
#endif

#ifdef HAVE_FAISS
#include <faiss/IndexHNSW.h>
#include <omp.h>

void *faiss_hnsw_build(int dim, long n, const float *data)
{
	omp_set_num_threads(1);
	try {
		auto *index = new faiss::IndexHNSWSQ(dim, faiss::ScalarQuantizer::QT_8bit, 16);

		index->hnsw.efConstruction = 200;
		index->train(n, data);
		index->add(n, data);
		return index;
	} catch (const std::exception &) {
		return nullptr;
	}
}

void faiss_hnsw_search(void *index, const float *query, int ef, long *ids, int k)
{
	auto *h = static_cast<faiss::IndexHNSWSQ *>(index);
	float distances[64];
	int64_t labels[64];

	h->hnsw.efSearch = ef;
	h->search(1, query, k, distances, labels);
	for (int i = 0; i < k; i++)
		ids[i] = labels[i];
}

void faiss_hnsw_close(void *index)
{
	delete static_cast<faiss::IndexHNSWSQ *>(index);
}
#endif
