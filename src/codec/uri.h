/* Percent-encoding and query strings (RFC 3986; the query as application/x-www-form-urlencoded, '+' is a blank). */
#ifndef EXEUNT_CODEC_URI_H
#define EXEUNT_CODEC_URI_H

#include "base/buf.h"

/* RC_INVALID_PARAM: a broken %-escape, or bytes that are no UTF-8, or a NUL. Text without '%' is not copied. */
MUST_CHECK enum rc uri_decode(struct arena *arena, str text, str *ret_text);
MUST_CHECK enum rc uri_decode_query(struct arena *arena, str text, str *ret_text);
/* Everything but unreserved characters is escaped. */
void uri_put_escaped(struct buf *buf, str s);

/* Walks "a=1&b=2": raw name and value. False at the end. */
bool uri_query_next(str *cursor, str *ret_name, str *ret_value);

#endif
