/* Strict JSON, docs/wire.md section 3. CC0-1.0. */
#ifndef LOA_JSON_H
#define LOA_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of bytes. It may hold noughts; it is not ended by one. */
struct text {
	const char *at;
	size_t n;
};

enum json_type { JSON_OBJECT, JSON_LIST, JSON_TEXT, JSON_NUMBER, JSON_BOOL };

/* One value. An object's and a list's members hang from first, by next. */
struct json {
	enum json_type type;
	struct text key;  /* of a member of an object */
	struct text text; /* JSON_TEXT, escapes undone */
	int64_t number;   /* JSON_NUMBER; JSON_BOOL: 0 or 1 */
	size_t count;     /* members */
	struct json *first, *next;
	struct json *chain; /* while reading: another key of this object with the same check sum */
};

/* What a value must look like. No shape at all (NULL) is any value: "ignorable". */
struct shape {
	enum json_type type;
	const struct field *fields; /* of an object, the last without a name */
	const struct shape *each;   /* of a list */
};

struct field {
	const char *name;
	const struct shape *shape;
};

extern const struct shape a_text, a_number, a_bool, texts, numbers;

/* Everything that was read lives in a pool and goes with it. */
struct pool {
	struct block *blocks;
};
void *pool_take(struct pool *p, size_t n);
void pool_free(struct pool *p);

/* Reads exactly one object of a shape, at most limit bytes. NULL is success;
 * otherwise the key of the refusal, "document.…". in must outlive the result. */
const char *json_read(struct pool *p, struct text in, size_t limit, const struct shape *shape, struct json **out);

/* Members of an object; what is left out is nought, "", false or empty. */
const struct json *json_get(const struct json *object, const char *key);
int64_t json_number(const struct json *object, const char *key);
bool json_bool(const struct json *object, const char *key);
struct text json_text(const struct json *object, const char *key);
const struct json *json_first(const struct json *object, const char *key);
size_t json_count(const struct json *object, const char *key);

struct text text_of(const char *s);
bool text_same(struct text a, struct text b);
bool text_is(struct text a, const char *s);
int text_order(struct text a, struct text b); /* byte by byte */
bool text_ascii(struct text t);

#endif
