"""Results: what is known of calls, now or later, one by one or together."""

from celeriac.result.eager import EagerResult
from celeriac.result.joining import allow_join_result, assert_will_not_block, denied_join_result, task_join_will_block
from celeriac.result.sets import GroupResult, ResultSet, agather, gather
from celeriac.result.single import AsyncResult, ResultBase
from celeriac.result.tuples import result_from_tuple

AsyncResult.read_child = staticmethod(result_from_tuple)

__all__ = [
    "AsyncResult",
    "EagerResult",
    "GroupResult",
    "ResultBase",
    "ResultSet",
    "agather",
    "allow_join_result",
    "assert_will_not_block",
    "denied_join_result",
    "gather",
    "result_from_tuple",
    "task_join_will_block",
]
