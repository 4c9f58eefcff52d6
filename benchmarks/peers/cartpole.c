/* REINFORCE on CartPole in plain C, the algorithm of pg.train for a linear softmax policy: the limit on one core.

   gcc -O3 -march=native -ffast-math -o cartpole cartpole.c -lm
   ./cartpole runs updates step_size seed                          (-DE=20: episodes of an update)

   Single precision. Loops over the E episodes have no branches, so that the compiler makes vectors of them; sine, cosine
   and exponential are polynomials for the same reason. With two actions the rows of W only ever move apart, by the same
   amount: w = W[1] - W[0] moves by twice the step. */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#ifndef E
#define E 20
#endif
#define T 500

static float obs[T][4][E], surprise[T][E], live_at[T][E];
static uint32_t A[E], B[E], C[E], counter[E]; /* state of the random numbers */

/* To 1e-7 for |x| < 0.6. A pole that stands has |x| < 0.21, and one step moves a fallen one no further than that. */
static inline float sine(float x) {
    float y = x * x;
    return x * (1 + y * (-1.f / 6 + y * (1.f / 120 + y * (-1.f / 5040))));
}

static inline float cosine(float x) {
    float y = x * x;
    return 1 + y * (-1.f / 2 + y * (1.f / 24 + y * (-1.f / 720 + y * (1.f / 40320))));
}

static inline float sigmoid(float z) {
    z = fminf(fmaxf(-1.44269504f * z, -80), 80); /* exp(-z) = 2^(n + f), n an integer, |f| <= 1/2 */
    float n = floorf(z + 0.5f), f = 0.693147181f * (z - n);
    float power = 1 + f * (1 + f * (1.f / 2 + f * (1.f / 6 + f * (1.f / 24 + f * (1.f / 120)))));
    int32_t bits = ((int32_t)n + 127) << 23;
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return 1 / (1 + power * scale);
}

/* A number in [0, 1) from the stream of episode e: sfc32, small brother of the SFC64 that NumPy has. */
static inline float uniform(int e) {
    uint32_t out = A[e] + B[e] + counter[e]++;
    A[e] = B[e] ^ (B[e] >> 9);
    B[e] = C[e] + (C[e] << 3);
    C[e] = ((C[e] << 21) | (C[e] >> 11)) + out;
    return (float)(int32_t)(out >> 8) * (1.f / 16777216);
}

static void seed_streams(uint32_t seed) {
    for (int e = 0; e < E; e++) {
        A[e] = 0, B[e] = seed, C[e] = e, counter[e] = 1;
        for (int k = 0; k < 15; k++) uniform(e);
    }
}

/* Play E episodes side by side; return the number of steps of the longest. */
static int rollout(const float *w) {
    float x[E], v[E], angle[E], spin[E], live[E];
    for (int e = 0; e < E; e++) {
        x[e] = 0.1f * uniform(e) - 0.05f, v[e] = 0.1f * uniform(e) - 0.05f;
        angle[e] = 0.1f * uniform(e) - 0.05f, spin[e] = 0.1f * uniform(e) - 0.05f;
        live[e] = 1;
    }
    for (int t = 0; t < T; t++) {
        float left = 0;
        for (int e = 0; e < E; e++) {
            obs[t][0][e] = x[e], obs[t][1][e] = v[e], obs[t][2][e] = angle[e], obs[t][3][e] = spin[e];
            live_at[t][e] = live[e];
            float p = sigmoid(w[0] * x[e] + w[1] * v[e] + w[2] * angle[e] + w[3] * spin[e]);
            float push = uniform(e) < p ? 1 : 0;
            surprise[t][e] = push - p;
            float s = sine(angle[e]), c = cosine(angle[e]);
            float common = (20 * push - 10 + 0.05f * spin[e] * spin[e] * s) * (1 / 1.1f);
            float spin_rate = (9.8f * s - c * common) / (0.5f * (4.f / 3 - 0.1f / 1.1f * c * c));
            float tau = 0.02f * live[e]; /* for an episode that is over the clock stands still */
            x[e] += tau * v[e];
            v[e] += tau * (common - 0.05f / 1.1f * spin_rate * c);
            angle[e] += tau * spin[e];
            spin[e] += tau * spin_rate;
            live[e] = (fabsf(x[e]) <= 2.4f) & (fabsf(angle[e]) <= 0.20943951f) ? live[e] : 0;
            left += live[e];
        }
        if (left == 0) return t + 1;
    }
    return T;
}

/* The mean over the episodes of REINFORCE with a leave-one-out baseline, in w. */
static void mean_gradient(int steps, float *gradient) {
    float returns[E] = {0}, sums[4][E] = {{0}};
    for (int t = steps - 1; t >= 0; t--) {
        float mean = 0;
        for (int e = 0; e < E; e++) returns[e] += live_at[t][e], mean += returns[e];
        mean /= E;
        for (int e = 0; e < E; e++) {
            float delta = surprise[t][e] * live_at[t][e] * (returns[e] - mean);
            for (int i = 0; i < 4; i++) sums[i][e] += delta * obs[t][i][e];
        }
    }
    for (int i = 0; i < 4; i++) {
        gradient[i] = 0;
        for (int e = 0; e < E; e++) gradient[i] += sums[i][e] / (E - 1);
    }
}

/* Train one run; returns[u] is the mean return of update u. */
static void train(int n_updates, float step_size, float *returns) {
    float w[4] = {0}, first[4] = {0}, second[4] = {0}, gradient[4];
    const float b1 = 0.9f, b2 = 0.99f; /* those of pg.train */
    for (int u = 0; u < n_updates; u++) {
        int steps = rollout(w);
        mean_gradient(steps, gradient);
        for (int i = 0; i < 4; i++) {
            first[i] = b1 * first[i] + (1 - b1) * gradient[i];
            second[i] = b2 * second[i] + (1 - b2) * gradient[i] * gradient[i];
            float m = first[i] / (1 - powf(b1, u + 1)), s = second[i] / (1 - powf(b2, u + 1));
            w[i] += 2 * step_size * m / (sqrtf(s) + 1e-8f);
        }
        returns[u] = 0;
        for (int t = 0; t < steps; t++)
            for (int e = 0; e < E; e++) returns[u] += live_at[t][e] / E;
    }
}

static double seconds(struct timeval t) { return t.tv_sec + 1e-6 * t.tv_usec; }

int main(int argc, char **argv) {
    if (argc != 5) return fprintf(stderr, "usage: cartpole runs updates step_size seed\n"), 2;
    int runs = atoi(argv[1]), n_updates = atoi(argv[2]), solved = 0, window = (100 + E - 1) / E;
    float step_size = atof(argv[3]), *returns = malloc(sizeof(float) * n_updates);
    if (runs < 1 || n_updates < window) return fprintf(stderr, "at least 1 run and %d updates\n", window), 2;
    double env_steps = 0, mean_return = 0;
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    seed_streams(strtoul(argv[4], NULL, 10));
    for (int r = 0; r < runs; r++) {
        train(n_updates, step_size, returns);
        double recent = 0, best = 0;
        for (int u = 0; u < n_updates; u++) {
            env_steps += E * (double)returns[u];
            recent += returns[u] - (u < window ? 0 : returns[u - window]);
            if (u >= window - 1 && recent > best) best = recent;
        }
        solved += best >= 475.0 * window;
        mean_return += recent / window / runs;
    }
    getrusage(RUSAGE_SELF, &after);
    printf("{\"user\": %.6f, \"system\": %.6f, \"env_steps\": %.0f, \"mean_return\": %.3f, \"solved\": %d, \"runs\": %d}\n",
           seconds(after.ru_utime) - seconds(before.ru_utime), seconds(after.ru_stime) - seconds(before.ru_stime), env_steps,
           mean_return, solved, runs);
    return 0;
}
