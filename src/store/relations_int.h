/* What the files of relations share. */
#ifndef EXEUNT_STORE_RELATIONS_INT_H
#define EXEUNT_STORE_RELATIONS_INT_H

#include "store/relations.h"

int64_t rel_type_known(str text); /* enum rel_type; 0: another */

#endif
