"""Where work is done, and what is set back afterwards."""

from threading import Event, Thread

from threadpoolctl import threadpool_info, threadpool_limits

from hs_nmfcluster.engine.scheduling import one_blas_thread_each


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


class TestBlasLimit:
    def test_holds_within_and_ends_after(self):
        with threadpool_limits(2, user_api="blas"):
            with one_blas_thread_each():
                assert blas_threads() == {1}
            assert blas_threads() == {2}

    def test_jobs_that_end_in_the_order_in_which_they_began(self):
        """The second one found the limit of the first: it must not put that back for good."""
        began, ended = Event(), Event()

        def second():
            with one_blas_thread_each():
                began.set()
                ended.wait(10)

        with threadpool_limits(2, user_api="blas"):
            job = Thread(target=second)
            with one_blas_thread_each():
                job.start()
                assert began.wait(10)
            ended.set()
            job.join(10)
            assert blas_threads() == {2}
