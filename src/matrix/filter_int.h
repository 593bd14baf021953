/* Private to the filters. */
#ifndef EXEUNT_MATRIX_FILTER_INT_H
#define EXEUNT_MATRIX_FILTER_INT_H

#include "matrix/filter.h"

/*
 * The text of a canonical JSON string without its quotes. Without escapes it is `s` itself; else it is written into
 * `memory`, of FILTER_FIELD_MAX_BYTES: longer than any type, sender or path.
 */
str filter_unescape(str s, char *memory);

#endif
