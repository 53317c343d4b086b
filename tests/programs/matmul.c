/* 48x48 double matrix product. The checksum is of the results' bits: additions keep the order of the source. */
#include "work.h"
#include <string.h>

enum { N = 48 };
static double a[N][N], b[N][N], c[N][N];

uint32_t work_matmul(uint32_t iterations)
{
    uint32_t seed = 5, sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (double)(work_random(&seed) & 0xffff) / 3.0;
            b[i][j] = (double)(work_random(&seed) & 0xffff) / 7.0 - 4000.0;
        }
    for (uint32_t n = 0; n < iterations; n++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                double s = 0.0;
                for (int k = 0; k < N; k++)
                    s += a[i][k] * b[k][j];
                c[i][j] = s;
            }
        for (int i = 0; i < N; i++) {
            uint64_t bits;
            memcpy(&bits, &c[i][i], 8);
            sum = work_mix(work_mix(sum, bits), bits >> 32);
        }
        a[n % N][(n * 5) % N] += 0.5;
    }
    return sum;
}
