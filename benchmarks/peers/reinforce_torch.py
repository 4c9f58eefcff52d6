"""REINFORCE in PyTorch as its best-known example does it: one environment, one episode for each update, one seed.

A network 4-128-2 with dropout 0.6, Adam with step size 0.01, gamma 0.99, returns normalized within the episode. It
stops when its running mean return, 0.95 of the old one and 0.05 of the newest episode, exceeds 475.
"""

import sys
from collections import deque

import gymnasium
import torch
from torch import nn
from torch.distributions import Categorical

from benchmarks.measure import cpu, report

GAMMA, MOST_EPISODES = 0.99, 5000


def play(env, policy):
    """Play one episode; return the log-probabilities of its actions and its rewards."""
    observation, _ = env.reset()
    log_probs, rewards, over = [], [], False
    while not over:
        distribution = Categorical(torch.softmax(policy(torch.from_numpy(observation).unsqueeze(0)), dim=1))
        action = distribution.sample()
        observation, reward, terminated, truncated, _ = env.step(action.item())
        log_probs.append(distribution.log_prob(action))
        rewards.append(reward)
        over = terminated or truncated
    return log_probs, rewards


def loss_of(log_probs, rewards):
    """Return minus the sum of log-probabilities, weighted by the normalized returns."""
    returns = deque()
    for reward in reversed(rewards):
        returns.appendleft(reward + GAMMA * (returns[0] if returns else 0.0))
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + torch.finfo(torch.float32).eps)
    return -(torch.cat(log_probs) * returns).sum()


def train(seed):
    """Train one seed; return the running mean return at the end and all returns."""
    torch.manual_seed(seed)
    env = gymnasium.make("CartPole-v1")
    env.reset(seed=seed)
    policy = nn.Sequential(nn.Linear(4, 128), nn.Dropout(0.6), nn.ReLU(), nn.Linear(128, 2))
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.01)
    running, returns = 10.0, []
    while len(returns) < MOST_EPISODES and running <= env.spec.reward_threshold:
        log_probs, rewards = play(env, policy)
        optimizer.zero_grad()
        loss_of(log_probs, rewards).backward()
        optimizer.step()
        returns.append(sum(rewards))
        running = 0.05 * returns[-1] + 0.95 * running
    return running, env.spec.reward_threshold, returns


def main(seed):
    """Train one seed, report."""
    torch.set_num_threads(1)
    (running, threshold, returns), user, system = cpu(train, seed)
    last = returns[-100:]
    mean, solved = sum(last) / len(last), int(running > threshold)
    report(user=user, system=system, env_steps=sum(returns), mean_return=mean, solved=solved, runs=1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
