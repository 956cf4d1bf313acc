/* One flooding iteration of belief propagation, fused: the CPU path of ldpc_chain.py.
   Messages are [edge][lane], the lanes are blocks of a batch (a multiple of 16), edges are sorted by check node.
   Compiled with -ffast-math and linked without it, which would flush small numbers to zero in the whole process. */
#include <math.h>
#include <string.h>

#define LANES 16
#define MOST_DEGREE 32

static inline float phi(float x) {
    x = fminf(fmaxf(x, 8.5e-8f), 16.635532f);
    float e = expf(x);
    return logf((e + 1.0f) / (e - 1.0f));
}

static void check(float *message, int degree, long stride) {
    float soft[MOST_DEGREE][LANES], sum[LANES] = {0};
    unsigned sign[MOST_DEGREE][LANES], parity[LANES] = {0};
    for (int d = 0; d < degree; d++)
        for (int i = 0; i < LANES; i++) {
            float x = message[d * stride + i];
            unsigned bits;
            memcpy(&bits, &x, 4);
            sign[d][i] = bits & 0x80000000u;
            parity[i] ^= sign[d][i];
            soft[d][i] = phi(fabsf(x));
            sum[i] += soft[d][i];
        }
    for (int d = 0; d < degree; d++)
        for (int i = 0; i < LANES; i++) {
            float y = phi(sum[i] - soft[d][i]);
            unsigned bits;
            memcpy(&bits, &y, 4);
            bits ^= parity[i] ^ sign[d][i];
            memcpy(&message[d * stride + i], &bits, 4);
        }
}

void iterate(float *message, const float *channel, float *total, const int *check_start, int checks,
             const int *variable_start, const int *edges, int variables, long lanes, float limit) {
    for (int c = 0; c < checks; c++)
        for (long lane = 0; lane < lanes; lane += LANES)
            check(message + check_start[c] * lanes + lane, check_start[c + 1] - check_start[c], lanes);
    for (int v = 0; v < variables; v++)
        for (long lane = 0; lane < lanes; lane += LANES) {
            float sum[LANES];
            for (int i = 0; i < LANES; i++) sum[i] = channel[v * lanes + lane + i];
            for (int e = variable_start[v]; e < variable_start[v + 1]; e++)
                for (int i = 0; i < LANES; i++) sum[i] += message[edges[e] * lanes + lane + i];
            for (int e = variable_start[v]; e < variable_start[v + 1]; e++) {
                float *at = message + edges[e] * lanes + lane;
                for (int i = 0; i < LANES; i++) at[i] = fminf(fmaxf(sum[i] - at[i], -limit), limit);
            }
            for (int i = 0; i < LANES; i++) total[v * lanes + lane + i] = sum[i];
        }
}
