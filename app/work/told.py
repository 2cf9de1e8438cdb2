"""Handlers as Gradio calls them: what goes wrong is one sentence on the page, and a run that is over shows nothing."""

import functools
import html
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from app.work.job import Job, Jobs
from hnet_core.errors import HNetError


@contextmanager
def as_sentences(args: tuple[Any, ...]) -> Iterator[None]:
    """Failures inside as gr.Error, and told to the run among the arguments, which shows them beside its button."""
    try:
        yield
    except gr.Error:
        raise
    except Exception as err:
        if isinstance(err, HNetError):
            sentence = str(err)
        else:
            logging.getLogger(__name__).exception("a request failed")
            sentence = f"The software failed on this request ({type(err).__name__}); its terminal shows why."
        jobs = [
            each.current if isinstance(each, Jobs) else each for each in args if isinstance(each, Job | Jobs)
        ]
        for job in jobs:
            job.failure = sentence
        # Gradio reads messages as HTML; one pops up only where no other place would say it.
        raise gr.Error(html.escape(sentence), visible=not jobs, print_exception=False) from err


def told(handler: Callable) -> Callable:
    """The handler with every failure as one sentence on the page; it may also be a generator of results."""
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def call(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with as_sentences(args):
                yield from handler(*args, **kwargs)

    else:

        @functools.wraps(handler)
        def call(*args: Any, **kwargs: Any) -> Any:
            with as_sentences(args):
                return handler(*args, **kwargs)

    return call


def of_run(handler: Callable) -> Callable:
    """A handler whose first argument is a Job, as the page calls it: with Jobs and the number of the run instead.

    A run that was stopped, or after which another one was asked for, gives nothing to the page; a generator, which
    shows what it has as it goes, sees to its stop itself.
    """

    @contextmanager
    def begun(jobs: Jobs, number: int) -> Iterator[Job]:
        with as_sentences((Job(),) if number != jobs.number else (jobs,)):
            job = jobs.take(number)
        job.over = False
        try:
            yield job
        finally:
            job.over = True

    def still(jobs: Jobs, number: int, job: Job, stops: bool) -> None:
        with as_sentences((job,)):
            jobs.check(job, number)
            if stops:
                job.check()

    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def call(jobs: Jobs, number: int, *args: Any) -> Iterator[Any]:
            with begun(jobs, number) as job:
                for found in handler(job, *args):
                    still(jobs, number, job, stops=False)
                    yield found

    else:

        @functools.wraps(handler)
        def call(jobs: Jobs, number: int, *args: Any) -> Any:
            with begun(jobs, number) as job:
                found = handler(job, *args)
                still(jobs, number, job, stops=True)
                return found

    own = inspect.signature(handler)
    jobs, *others = own.parameters.values()
    number = inspect.Parameter("number", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    call.__signature__ = own.replace(parameters=[jobs, number, *others])  # Gradio counts the arguments
    return call
