/* What the fuzz targets share. */
#ifndef EXEUNT_TESTS_FUZZ_FUZZ_H
#define EXEUNT_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property of the code under test; its failure is a finding. */
#define HOLDS(expression)                                                                        \
	do {                                                                                     \
		if (!(expression)) {                                                             \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__,         \
			        #expression);                                                    \
			abort();                                                                 \
		}                                                                                \
	} while (0)

#define FUZZ_ARENA_BYTES ((size_t)64 << 20)

#endif
