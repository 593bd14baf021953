/*
 * The commands: one row each in commands.def, from which the dispatch and every help text are made.
 * Main thread.
 */
#ifndef EXEUNT_DAEMON_COMMANDS_H
#define EXEUNT_DAEMON_COMMANDS_H

#include "daemon/options.h"

#include <stdio.h>

/* Exit statuses of the process. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command;

struct command_call {
	const struct command *command;
	struct arena *arena;         /* of the process */
	struct options *options;     /* loaded */
	str argument;                /* NAME, where the row has one */
};

/* Returns the exit status; says on standard error why it is not 0. */
typedef int command_fn(struct command_call *call);

struct command {
	const char *group;           /* "user"; empty: the verb stands alone */
	const char *verb;            /* "add" */
	const char *argument;        /* what the help calls it, "NAME"; NULL: none */
	unsigned options;            /* of enum option: those it takes */
	command_fn *run;
	const char *summary;         /* one line */
	const char *details;         /* paragraphs and examples */
};

#define COMMAND(group, verb, argument, options, run, summary, details) command_fn run;
#include "daemon/commands.def"
#undef COMMAND

const struct command *command_rows(size_t *ret_count);

/* Runs what the command line asks for. Returns the exit status of the process. */
MUST_CHECK int command_line(int argc, char **argv);

/* "exeunt user add: SENTENCE" on standard error; returns EXIT_FAILED. */
MUST_CHECK int command_failed(const struct command_call *call, const struct fail *fail);

/*
 * help.c: what a person reads who does not know the program, its group of commands, or the command
 * yet.
 */
void help_program(FILE *stream);
void help_group(FILE *stream, str group);
void help_command(FILE *stream, const struct command *command);

#endif
