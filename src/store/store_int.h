/* What the files of the room share: the store, its transactions, its threads. */
#ifndef EXEUNT_STORE_STORE_INT_H
#define EXEUNT_STORE_STORE_INT_H

#include "base/map.h"
#include "store/engine_int.h"
#include "store/news_int.h"

enum {
	STORE_MAGIC = 0x53544f52,
	WRITER_CACHE_KIB = 4096,
	READER_CACHE_KIB = 1024,
	WRITER_BUSY_MS = 60000, /* a restarting checkpoint may hold the lock */
	READER_BUSY_MS = 5000,
	READER_WAIT_MS = 10000,   /* for a free connection */
	READER_CONNECT_MS = 2000, /* for a database that is away */
	WRITER_CONNECT_MS = 10000,
	WRITER_KEPT_MS = 24 * 60 * 60 * 1000, /* what a writer asks for that ended badly */
	READERS_MAX = 64,
	WAL_KEPT_BYTES = 4 << 20, /* the WAL is laid out at this size before the first write */
	CHECKPOINT_CACHE_KIB = 64,
	WAL_CHECKPOINT_PAGES = 1000, /* about 4 MiB: copied into the database beside the writer */
	WAL_LONG_PAGES =
	    16384, /* 64 MiB: readers are waited for longer, so that it does not grow on */
	WAL_PATH_MAX = 4096,
	DATABASE_MAX = 2048,
	PASSWORD_MAX = 1024,
	NODE_BLOCK = 1024,
	NODE_CACHE_BYTES = 8 << 20,
	NODE_CACHE_SHARDS = 8,
	TYPE_CACHE_MAX = 2048, /* event types of which the number is kept in memory */
	TAG_LETTERS = 8,
};

/* Numbers that the writer gives out; taken back with the job or the group that fails. */
struct numbers {
	int64_t pos;      /* the newest stream position given out */
	int64_t event;    /* the newest event nid */
	int64_t type;     /* the first type nid made since the last commit; 0: none */
	int64_t node_end; /* nids of nodes up to this one are given to some process */
};

struct txn_ro {
	struct store *store;
	struct conn *conn;
};

struct txn_rw {
	struct txn_ro ro;
	struct numbers numbers;
};

struct reader {
	struct conn conn;
	struct txn_ro txn;
	struct reader *next_free;
};

struct readers {
	struct lock mu;
	struct cond freed;
	struct reader *free GUARDED_BY(mu);
	unsigned opened GUARDED_BY(mu);
	unsigned max;
	struct reader all[READERS_MAX];
};

enum checkpoint_turn { CHECKPOINT_NOBODYS, CHECKPOINT_THREADS, CHECKPOINT_WRITERS };

/* Checkpoints beside the writer. */
struct checkpointer {
	struct lock mu;
	struct cond wanted;
	bool want GUARDED_BY(mu);
	bool stop GUARDED_BY(mu);
	bool started;
	thread thread;
	struct conn conn;
	int wal_pages; /* atomic: frames in the WAL after the last commit */
	enum checkpoint_turn
	    turn; /* atomic; each changes it only when it is its own, the writer when it is nobody's */
	int want_pages; /* the writer's: when the next one begins */
	int long_pages; /* the writer's: when readers are waited for longer */
};

/* A chain of jobs by their links. */
struct job_list {
	struct queue_link *first, **end;
	size_t count;
};

/* Calls `done` on a thread of its own, so that the next group starts while the last one is acknowledged. */
struct acks {
	struct lock mu;
	struct cond filled;
	struct queue_link *first GUARDED_BY(mu);
	struct queue_link **end GUARDED_BY(mu);
	bool closed GUARDED_BY(mu);
	bool started;
	thread thread;
	int64_t
	    pending; /* atomic: handed over and not yet called; 0: the writer may call by itself */
};

struct writer {
	struct conn conn;
	struct queue jobs;
	struct txn_rw txn;
	struct job_list interactive, background; /* taken from `jobs`, not yet run */
	struct numbers on_disk;                  /* what the table `numbers` holds */
	int64_t id, group;                       /* ours among all writers, and the number of our last group */
	int64_t fence;                           /* the one seen when our process was last found alive */
	struct outgoing_news news;               /* of the group */
	bool is_unsure; /* a group failed of which nobody knows whether it was committed */
	bool started;
	thread thread;
	struct acks acks;
	struct store_counters counters; /* atomic fields */
};

struct node_cache_entry;
struct node_cache_shard {
	struct lock mu;
	struct map64 nodes GUARDED_BY(mu);            /* node nid → struct node_cache_entry */
	struct node_cache_entry *hand GUARDED_BY(mu); /* a ring, for the clock algorithm */
	size_t bytes GUARDED_BY(mu);
};
struct node_cache {
	struct node_cache_shard shards[NODE_CACHE_SHARDS];
	size_t shard_max_bytes;
};

struct type_cache_entry {
	int64_t nid;
	str type;
	char bytes[];
};
struct type_cache {
	struct lock mu;
	struct map by_text GUARDED_BY(mu);
	size_t count GUARDED_BY(mu);
};

struct store {
	unsigned magic;
	struct store_config config;
	const struct engine *engine;
	char database[DATABASE_MAX]; /* what the engine connects to; empty for SQLite */
	char password[PASSWORD_MAX]; /* for it; empty: none */
	const char *name;            /* for messages: the path, or what the server calls the database */
	char directory[WAL_PATH_MAX];
	char path[WAL_PATH_MAX + 16];
	int lock_fd;           /* -1: not held */
	char tag[TAG_LETTERS]; /* see store_tag() */
	int64_t committed_pos; /* atomic */
	/*
	 * Writer only. Nids of nodes come in blocks, and none is given out twice, even after a rollback, since readers
	 * of all processes cache nodes by number.
	 */
	int64_t last_node, node_block_end;
	struct writer writer;
	struct checkpointer checkpointer;
	struct readers readers;
	struct listener listener;
	int64_t process; /* atomic; 0: of none, so it is never refused */
	struct node_cache nodes;
	struct type_cache types;
};

/* migrate.c: brings the schema up to date. RC_CONFLICT with a sentence: it is newer than this program. */
MUST_CHECK enum rc store_migrate(struct store *store, struct fail *fail);

/* writer.c */
void numbers_restore(struct store *store, const struct numbers *before); /* after a rollback */
MUST_CHECK enum rc writer_start(struct store *store, struct fail *fail);
void writer_stop(struct store *store); /* after the last job */

/* acks.c */
void job_list_init(struct job_list *list);
void job_list_add(struct job_list *list, struct queue_link *link);
struct write_job *job_list_take(struct job_list *list); /* NULL: empty */
MUST_CHECK enum rc acks_start(struct acks *acks);
void acks_stop(struct acks *acks);       /* after the last call */
bool acks_idle(const struct acks *acks); /* all that was handed over has been called */
void acks_hand_over(struct acks *acks, struct job_list *jobs); /* empties the list */
void acks_call(struct job_list *jobs); /* calls each `done` here and now, in order */

/* checkpoint.c */
MUST_CHECK enum rc checkpointer_start(struct store *store);
void checkpointer_stop(struct store *store);
void checkpointer_committed(struct store *store); /* the writer, after each commit */
MUST_CHECK enum rc wal_lay_out(const struct store *store);

/* readers.c */
/*
 * Opens a connection that is closed or lost. A database that is away is tried again and again until the deadline
 * (monotonic), then RC_UNAVAILABLE.
 */
MUST_CHECK enum rc conn_renew(
    struct conn *conn, const struct store *store, enum conn_role role, int64_t deadline_ms);
void readers_init(struct readers *readers, unsigned max);
void readers_release(struct readers *readers);

/* intern.c */
void type_cache_init(struct type_cache *cache, const struct rng *rng);
void type_cache_release(struct type_cache *cache);

/* node_cache.c: bytes of tree nodes, immutable once stored. `copy` must hold NODE_MAX_BYTES. */
enum { NODE_MAX_BYTES = 1536 };
void node_cache_init(struct node_cache *cache, size_t max_bytes);
void node_cache_release(struct node_cache *cache);
size_t node_cache_get(
    struct node_cache *cache, int64_t node, unsigned char *copy); /* bytes; 0: not there */
void node_cache_put(struct node_cache *cache, int64_t node, const unsigned char *bytes, size_t n);
void node_cache_clear(struct node_cache *cache);
size_t node_cache_bytes(struct node_cache *cache);

#endif
