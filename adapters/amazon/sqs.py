"""The SQS queue that Amazon's notifications arrive in. Needs the extra `sqs` (boto3); nothing else here does.

AWS credentials are found by boto3's own chain: environment, profile, or the machine's role.
"""

from collections.abc import Sequence
from typing import Any

from adapters.amazon.notifications import hint
from application.hints import Message
from domain.errors import BadInput, VendorError

MESSAGES_AT_A_TIME = 10  # what SQS gives at most
WAIT_SECONDS = 20  # long polling: an empty queue costs three calls a minute


class SqsQueue:
    """application.hints.HintQueue on one SQS queue."""

    def __init__(self, url: str, region: str, endpoint_url: str = "", wait_seconds: int | None = None) -> None:
        """`endpoint_url` is AWS's own where empty. Raises BadInput without boto3."""
        try:
            import boto3  # an extra: only who listens needs it
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise BadInput(
                "notifications need boto3, which is not installed: pip install 'ml-connector[sqs]'"
            ) from None
        self._failures = (BotoCoreError, ClientError)
        self._url = url
        self._wait_seconds = WAIT_SECONDS if wait_seconds is None else wait_seconds
        self._sqs: Any = boto3.client("sqs", region_name=region, endpoint_url=endpoint_url or None)

    def receive(self) -> list[Message]:
        """See HintQueue.receive. Bodies are read here and go no further."""
        try:
            answer = self._sqs.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=MESSAGES_AT_A_TIME, WaitTimeSeconds=self._wait_seconds
            )
        except self._failures as error:
            raise _failed(error) from None
        return [Message(each["ReceiptHandle"], hint(each["Body"])) for each in answer.get("Messages", [])]

    def delete(self, receipts: Sequence[str]) -> None:
        """See HintQueue.delete. One that is not deleted comes again and is known then."""
        if not receipts:
            return
        entries = [{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(receipts)]
        try:
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        except self._failures as error:
            raise _failed(error) from None


def _failed(error: Exception) -> VendorError:
    return VendorError(f"the queue of notifications could not be asked: {type(error).__name__}: {error}", vendor="aws")
