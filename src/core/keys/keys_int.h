/* What the files of core/keys share. Private to the folder. */
#ifndef EXEUNT_CORE_KEYS_KEYS_INT_H
#define EXEUNT_CORE_KEYS_KEYS_INT_H

#include "core/keys/keys.h"

enum { KEYS_SCRATCH_BYTES = 4 << 20 }; /* what one write may need beside its request */

struct keys {
	struct keys_config config;
};

#endif
