/* What checkpoint.c needs of SQLite itself. */
#ifndef EXEUNT_STORE_SQLITE_INT_H
#define EXEUNT_STORE_SQLITE_INT_H

#include "store/engine_int.h"

#include <sqlite3.h>

sqlite3 *sqlite_db(const struct conn *conn);
enum rc sqlite_rc(int code); /* of a result code of SQLite, extended or not */

#endif
