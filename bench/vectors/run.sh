#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Build and run the vector search benchmark: bench/vectors/run.sh [--graph] [--json] [--runs N] [--set NAME]
# Faiss and hnswlib (Debian: libfaiss-dev, libhnswlib-dev, g++) are compared if they are installed; CC, CXX and
# VEXFS_DATA are heeded. --graph, first: the graph index beside theirs, otherwise exact searches.
set -euo pipefail
unset CDPATH
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

graph=0
if [[ ${1:-} == --graph ]]; then
	graph=1
	shift
fi
out=build/bench-vectors
CC=${CC:-cc} CXX=${CXX:-c++}
warn=(-Wall -Wextra -Werror -Wno-unused-parameter)
flags=(-std=gnu11 -O2 -g "${warn[@]}" -I. -Iinclude -Ibench/vectors -D_GNU_SOURCE)

# 6: the environment is broken, as ./vex help exit-codes says.
die() { printf 'bench/vectors: %s\n' "$*" >&2; exit 6; }
compile() { "$CC" "${flags[@]}" "$@" || die "cannot compile: the message is above"; }

command -v "$CC" >/dev/null || die "no C compiler '$CC': install gcc, or set CC"
mkdir -p "$out"

# What the kernel gets: no compiler-made vectors, and integer registers only where it has no others.
general=()
if [[ $(uname -m) == x86_64 ]]; then
	general=(-mgeneral-regs-only)
fi
for f in softfloat vec vec_int; do
	compile "${general[@]}" -fno-tree-vectorize -c "core/$f.c" -o "$out/$f.o"
done
compile -c core/vec_sse2.c -o "$out/vec_sse2.o"
if [[ $(uname -m) == x86_64 ]]; then
	compile -mavx2 -mfma -c core/vec_avx2.c -o "$out/vec_avx2.o"
else
	compile -c core/vec_avx2.c -o "$out/vec_avx2.o"
fi
compile -c core/vec_neon.c -o "$out/vec_neon.o"
dotprod=()
if [[ $(uname -m) == aarch64 ]]; then dotprod=(-march=armv8.2-a+dotprod); fi
compile "${dotprod[@]}" -c core/vec_neondot.c -o "$out/vec_neondot.o"
compile -c lib/crc32c.c -o "$out/crc32c.o"
core=("$out"/{softfloat,vec,vec_int,vec_sse2,vec_avx2,vec_neon,vec_neondot,crc32c}.o)

# Faiss is static and C++ in Debian: it decides who links.
link=("$CC") libs=(-lm) defs=()
probe() {
	printf '#include <faiss/IndexFlat.h>\nint main() { faiss::IndexFlatL2 i(2); return i.d - 2; }\n' |
		"$CXX" -x c++ - -fopenmp -o "$out/probe" -lfaiss -lblas -llapack &>"$out/probe.log"
}
if ! command -v "$CXX" >/dev/null; then
	echo "SKIP: no comparison with Faiss: no C++ compiler '$CXX' (apt install g++ libfaiss-dev)" >&2
elif ! probe; then
	echo "SKIP: no comparison with Faiss: it is not installed (apt install libfaiss-dev); see $out/probe.log" >&2
else
	"$CXX" -O2 -fopenmp -Ibench/vectors -c bench/vectors/faiss_flat.cc -o "$out/faiss_flat.o"
	link=("$CXX") libs=("$out/faiss_flat.o" -fopenmp -lfaiss -lblas -llapack -lm) defs=(-DHAVE_FAISS)
fi
if ((graph)); then
	for f in graph graph_space graph_search graph_prune graph_insert graph_remove graph_plan; do
		compile "${general[@]}" -fno-tree-vectorize -c "core/$f.c" -o "$out/core_$f.o"
	done
	avx512=()
	if [[ $(uname -m) == x86_64 ]]; then
		avx512=(-mavx2 -mfma -mavx512f -mavx512bw -mavx512vl -mavx512vnni)
	fi
	compile "${avx512[@]}" -c core/vec_avx512.c -o "$out/vec_avx512.o"
	if "$CXX" -x c++ -fsyntax-only -include hnswlib/hnswlib.h /dev/null &>"$out/probe-hnswlib.log"; then
		defs+=(-DHAVE_HNSWLIB)
	else
		echo "SKIP: no comparison with hnswlib: it is not installed (apt install g++ libhnswlib-dev)" >&2
	fi
	# hnswlib is headers only: it gets the instructions of this processor, as its documentation has it.
	if [[ ${defs[*]} == *HAVE* ]]; then
		"$CXX" -O3 -march=native -fopenmp "${defs[@]}" -Ibench/vectors -c bench/vectors/hnsw.cc -o "$out/hnsw.o"
		link=("$CXX") libs=("$out/hnsw.o" "${libs[@]}")
	fi
	for f in graph data; do
		compile "${defs[@]}" -c "bench/vectors/$f.c" -o "$out/$f.o"
	done
	"${link[@]}" -o "$out/bench-graph" "$out"/{graph,data,vec_avx512}.o "$out"/core_graph*.o "${core[@]}" "${libs[@]}"
	exec "$out/bench-graph" "$@"
fi
for f in main data methods bandwidth; do
	compile "${defs[@]}" -c "bench/vectors/$f.c" -o "$out/$f.o"
done
"${link[@]}" -o "$out/bench-vectors" "$out"/{main,data,methods,bandwidth}.o \
	"${core[@]}" "${libs[@]}"

printf '... %s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" >&2
exec "$out/bench-vectors" "$@"
