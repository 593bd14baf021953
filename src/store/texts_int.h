/* Lists of texts in the order of their bytes, each once: how the rows of one become those of another. */
#ifndef EXEUNT_STORE_TEXTS_INT_H
#define EXEUNT_STORE_TEXTS_INT_H

#include "store/sql_int.h"

struct texts {
	str *texts;
	size_t count;
};

/* What a statement of one parameter, an integer, finds in its first column. It orders by that. */
MUST_CHECK enum rc texts_read(struct txn_ro *txn, struct arena *arena, enum statement statement,
    int64_t key, struct texts *ret_texts);
/* Runs `remove` and `add`, each of the key and a text, for what differs. */
MUST_CHECK enum rc texts_write(struct txn_rw *txn, int64_t key, const struct texts *before,
    const struct texts *after, enum statement remove, enum statement add);
void texts_sort(struct texts *texts); /* and leaves each once */

#endif
