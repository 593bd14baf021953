/* The steps of migrations.def, once for each engine. */
#ifndef EXEUNT_STORE_SCHEMA_INT_H
#define EXEUNT_STORE_SCHEMA_INT_H

struct migration {
	int number;
	const char *sqlite, *postgres;
};

/* A version beyond all: the database is a copy that is not complete, see copy.h. */
enum { SCHEMA_UNFINISHED = 1000000 };

/* The last one has the number 0 and no statements. */
extern const struct migration migrations[];

#endif
