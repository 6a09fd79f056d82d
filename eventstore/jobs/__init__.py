"""Durable jobs: long work that a person asked for, and that outlives the process that does it.

A capability makes a ``JobKind``, which is an action whose work is a job, and registers it as one (``actions.register``). Its
``run`` gets a ``Work``, through which it notes how far it is. The desk's face (``desk.jobs``) queues jobs and runs them.

This package is a Django app, so it must be importable before its models are: what reads the tables is not exported.
"""

from eventstore.jobs.job import Job, JobRefused, Progress, Share, State, UnknownJob, Wish
from eventstore.jobs.kind import (
    Approval,
    Interruption,
    JobInterrupted,
    JobKind,
    JobRequest,
    PlannedJobKind,
    Worker,
    kind_named,
    open_acts,
)
from eventstore.jobs.person_actions import APPROVE_JOB, CANCEL_JOB, JOB, PAUSE_JOB, RESUME_JOB, THROTTLE_JOB

__all__ = [
    "APPROVE_JOB",
    "CANCEL_JOB",
    "JOB",
    "PAUSE_JOB",
    "RESUME_JOB",
    "THROTTLE_JOB",
    "Approval",
    "Interruption",
    "Job",
    "JobInterrupted",
    "JobKind",
    "JobRefused",
    "JobRequest",
    "PlannedJobKind",
    "Progress",
    "Share",
    "State",
    "UnknownJob",
    "Wish",
    "Worker",
    "kind_named",
    "open_acts",
]
