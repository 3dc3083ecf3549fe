// SPDX-License-Identifier: GPL-2.0
// Faiss behind a C interface: Debian's library has no C one. One thread, one query at a time.
#include <faiss/IndexFlat.h>
#include <faiss/IndexScalarQuantizer.h>
#include <omp.h>

#include <cstdint>
#include <exception>
#include <vector>

#include "bench.h"

void *faiss_open(int kind, int metric, int dim, long n, const float *data)
{
	faiss::MetricType type = metric ? faiss::METRIC_INNER_PRODUCT : faiss::METRIC_L2;

	omp_set_num_threads(1);
	try {
		faiss::Index *index;

		if (kind == 0)
			index = new faiss::IndexFlat(dim, type);
		else
			index = new faiss::IndexScalarQuantizer(
				dim, faiss::ScalarQuantizer::QT_8bit, type);
		index->train(n, data);
		index->add(n, data);
		return index;
	} catch (const std::exception &) {
		return nullptr;
	}
}

void faiss_search(void *index, const float *query, long *ids, int k)
{
	std::vector<float> distances(k);
	std::vector<int64_t> labels(k);

	static_cast<faiss::Index *>(index)->search(1, query, k, distances.data(), labels.data());
	for (int i = 0; i < k; i++)
		ids[i] = labels[i];
}

void faiss_close(void *index)
{
	delete static_cast<faiss::Index *>(index);
}
