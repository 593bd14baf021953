/* The key of the specification's test vectors (appendices, "Cryptographic Test Vectors"). */
#ifndef EXEUNT_TESTS_UNIT_MATRIX_SIGNER_H
#define EXEUNT_TESTS_UNIT_MATRIX_SIGNER_H

#include "matrix/event.h"

/* Server "domain", key "ed25519:1". */
const struct signing_identity *test_identity(void);

#endif
