/* An integer mix: linked lists, small matrices, a state machine over text, and a CRC that ties them together. */
#include "work.h"

static uint16_t crc16(uint16_t crc, uint32_t word, int bytes)
{
    while (bytes--) {
        crc ^= word & 0xff;
        for (int i = 0; i < 8; i++)
            crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
        word >>= 8;
    }
    return crc;
}

/* ---- lists: find, reverse, merge sort by two orders ---- */

struct node {
    struct node *next;
    int16_t key, tag;
};

enum { NODES = 120 };
static struct node nodes[NODES];

static struct node *list_build(uint32_t seed)
{
    for (int i = 0; i < NODES; i++) {
        nodes[i].key = work_random(&seed) & 0x3ff;
        nodes[i].tag = i;
        /* Neighbours in the list are not neighbours in memory. */
        nodes[i].next = NULL;
    }
    for (int i = 0; i + 1 < NODES; i++)
        nodes[i * 37 % NODES].next = &nodes[(i + 1) * 37 % NODES];
    return &nodes[0];
}

static struct node *list_find(struct node *n, int16_t key)
{
    while (n && n->key != key)
        n = n->next;
    return n;
}

static struct node *list_reverse(struct node *n)
{
    struct node *out = NULL;
    while (n) {
        struct node *next = n->next;
        n->next = out;
        out = n;
        n = next;
    }
    return out;
}

static int by_key(const struct node *a, const struct node *b) { return a->key - b->key; }
static int by_tag(const struct node *a, const struct node *b) { return a->tag - b->tag; }

static struct node *list_sort(struct node *list, int (*order)(const struct node *, const struct node *))
{
    for (int run = 1;; run *= 2) {
        struct node *p = list, **tail = &list;
        int merges = 0;
        while (p) {
            struct node *q = p;
            int left = 0, right = run;
            while (q && left < run) {
                q = q->next;
                left++;
            }
            while (left > 0 || (right > 0 && q)) {
                struct node *pick;
                if (left > 0 && (right == 0 || !q || order(p, q) <= 0)) {
                    pick = p;
                    p = p->next;
                    left--;
                } else {
                    pick = q;
                    q = q->next;
                    right--;
                }
                *tail = pick;
                tail = &pick->next;
            }
            p = q;
            merges++;
        }
        *tail = NULL;
        if (merges <= 1)
            return list;
    }
}

static uint16_t lists(uint16_t crc, uint32_t seed)
{
    struct node *list = list_build(seed);
    int found = 0;
    for (int i = 0; i < 24; i++) {
        struct node *n = list_find(list, (seed + i * 41) & 0x3ff);
        if (n)
            found += n->tag;
        list = list_reverse(list);
    }
    crc = crc16(crc, found, 2);
    list = list_sort(list, by_key);
    for (struct node *n = list; n; n = n->next)
        crc = crc16(crc, n->key, 1);
    list = list_sort(list, by_tag);
    return crc16(crc, list->key, 2);
}

/* ---- matrices of 16-bit numbers with 32-bit products ---- */

enum { N = 12 };
static int16_t ma[N][N], mb[N][N];
static int32_t mc[N][N];

static uint16_t matrices(uint16_t crc, uint32_t seed)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            ma[i][j] = work_random(&seed) & 0xff;
            mb[i][j] = (work_random(&seed) & 0xff) - 128;
        }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            ma[i][j] += (int16_t)(seed & 7);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            int32_t sum = 0;
            for (int k = 0; k < N; k++)
                sum += ma[i][k] * mb[k][j];
            mc[i][j] = sum;
        }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            int32_t sum = 0;
            for (int k = 0; k < N; k++)
                sum += ((mc[i][k] >> 2) & 15) * ((ma[k][j] >> 5) & 127);
            crc = crc16(crc, sum, 2);
        }
    return crc;
}

/* ---- a state machine that sorts words into kinds of numbers ---- */

static const char text[] = "5012,0x1f,-874,+122,35.54400,.123450,-110.700,+0.64400,5.500e+3,-.123e-2,-87e+832,"
                           "+0.6e-12,T0.3e-1F,-T.T++Tq,1T3.4e4z,34.0e-T^,0xzz,,7,-,+.e,12e3e4,0x1234abcd,99999999,";

enum state { START, SIGN, INT, HEX0, HEX, POINT, FRACTION, EXP, EXPSIGN, EXPONENT, BAD, STATES };

static enum state step(enum state s, char c)
{
    int digit = c >= '0' && c <= '9';
    switch (s) {
    case START:
        if (c == '+' || c == '-')
            return SIGN;
        if (c == '0')
            return HEX0;
        return digit ? INT : c == '.' ? POINT : BAD;
    case SIGN:
        return digit ? INT : c == '.' ? POINT : BAD;
    case HEX0:
        if (c == 'x')
            return HEX;
        /* fall through */
    case INT:
        return digit ? INT : c == '.' ? FRACTION : c == 'e' ? EXP : BAD;
    case HEX:
        return digit || (c >= 'a' && c <= 'f') ? HEX : BAD;
    case POINT:
    case FRACTION:
        return digit ? FRACTION : c == 'e' && s == FRACTION ? EXP : BAD;
    case EXP:
        return c == '+' || c == '-' ? EXPSIGN : digit ? EXPONENT : BAD;
    case EXPSIGN:
    case EXPONENT:
        return digit ? EXPONENT : BAD;
    default:
        return BAD;
    }
}

static uint16_t machine(uint16_t crc, uint32_t seed)
{
    static char buf[sizeof text];
    uint32_t ends[STATES] = {0}, passes[STATES] = {0};
    for (size_t i = 0; i < sizeof text; i++)
        buf[i] = text[i];
    for (int i = 0; i < 12; i++) {
        size_t at = work_random(&seed) % (sizeof text - 1);
        if (buf[at] != ',')
            buf[at] ^= 1;
    }
    enum state s = START;
    for (size_t i = 0; buf[i]; i++) {
        if (buf[i] == ',') {
            ends[s]++;
            s = START;
        } else {
            s = step(s, buf[i]);
            passes[s]++;
        }
    }
    for (int i = 0; i < STATES; i++)
        crc = crc16(crc, ends[i] << 8 | passes[i], 2);
    return crc;
}

uint32_t work_intmix(uint32_t iterations)
{
    uint16_t crc = 0xffff;
    uint32_t sum = 0;
    for (uint32_t i = 0; i < iterations; i++) {
        crc = lists(crc, i);
        crc = matrices(crc, i ^ crc);
        crc = machine(crc, i + crc);
        sum = work_mix(sum, crc);
    }
    return sum;
}
