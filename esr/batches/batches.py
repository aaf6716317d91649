"""Batches of random crops, the same whatever the number of workers, devices or restarts.

A worker only crops: rows of a mapped store are copied into a uint8 NHWC batch, at the speed of memory. Flips
and turns, each sample its own, are one gather over the batch on the device, followed by the conversion to float;
NHWC seen as NCHW is channels_last without a copy. Where the whole set fits on the device it lies there, and the
same gather cuts the crops as well: then nothing but a few numbers per sample is sent.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue

import torch

from esr.batches.cropping import crop_batch
from esr.batches.gather import gather
from esr.batches.resident import fits, resident
from esr.batches.sampling import Sampler, Samples, fitting
from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.packed.store import PackedSet

Batch = tuple[torch.Tensor, torch.Tensor]

WORKERS_BESIDE_A_GPU = 2
_AHEAD = 2  # batches under way on the GPU: the one that is asked for and the one after it


class Batches:
    """The batches of a phase from ``first_iteration`` on, as pairs (LR, HR) on the device.

    Batch ``i`` holds the samples ``i * batch`` to ``(i + 1) * batch - 1`` of the phase; what a sample is follows
    from its number and the seed alone (see :mod:`esr.batches.sampling`). Images that the patch does not fit into are
    left out. Each iteration over it begins anew.
    """

    def __init__(
        self,
        packed_set: PackedSet,
        patch: int,
        batch: int,
        *,
        iterations: int,
        first_iteration: int = 0,
        seed: int = 0,
        horizontal_flips: bool = True,
        vertical_flips: bool = True,
        rotations: bool = True,
        data_range: float = 1.0,
        device: torch.device | str = "cpu",
        workers: int | None = None,
        resident: bool | None = None,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        """Prepare to iterate; nothing is read yet.

        Args:
            packed_set: where the images come from.
            patch: side of an HR patch in pixels, a multiple of 4.
            batch: patches per iteration, over all ranks.
            iterations: length of the phase.
            first_iteration: where to go on after a restart.
            seed: of everything that is drawn.
            horizontal_flips: flip half of the patches left to right.
            vertical_flips: flip half of the patches top to bottom.
            rotations: turn half of the patches by 90 degrees.
            data_range: the value of white.
            device: where the batches are wanted.
            workers: threads that crop ahead; with 0 the caller's thread crops. By default 0 on a CPU, whose cores
                training needs, and 2 beside a GPU.
            resident: keep the whole set on the device; by default on a GPU with twice the set's size free.
            rank: which share of each batch is wanted.
            ranks: how many shares there are.

        Raises:
            EsrError: the patch fits into no image of the set, or the batch cannot be shared out.
        """
        _check(packed_set, patch)
        if batch % ranks:
            raise EsrError(f"a batch of {batch} cannot be shared by {ranks} devices; choose a multiple of {ranks}")
        self._set, self._patch, self._batch = packed_set, patch, batch
        self._share, self._rank = batch // ranks, rank
        self._iterations = range(first_iteration, iterations)
        self._sampler = Sampler(packed_set.sizes, patch, seed, (horizontal_flips, vertical_flips, rotations))
        self._data_range, self._device = data_range, torch.device(device)
        beside_a_gpu = self._device.type == "cuda"
        self._workers = workers if workers is not None else WORKERS_BESIDE_A_GPU * beside_a_gpu
        self._resident = resident if resident is not None else fits(packed_set, self._device)

    def __len__(self) -> int:
        return len(self._iterations)

    def __iter__(self) -> Iterator[Batch]:
        """Yield (LR, HR): float32, (N, 3, H, W) in channels_last, values in [0, data_range]."""
        batches = self._resident_batches() if self._resident else self._sent_batches()
        return _ahead(batches, self._device) if self._device.type == "cuda" else batches

    def _samples(self) -> Iterator[Samples]:
        for iteration in self._iterations:
            yield self._sampler.draw(iteration * self._batch + self._rank * self._share, self._share)

    def _resident_batches(self) -> Iterator[Batch]:
        on_device = resident(self._set, self._device)
        for samples in self._samples():
            yield on_device.batch(samples, self._patch, self._data_range)

    def _sent_batches(self) -> Iterator[Batch]:
        for crops in self._inline() if self._workers == 0 else self._by_workers():
            lr, hr, coins = crops.send(self._device)
            yield self._turned(lr, coins), self._turned(hr, coins)

    def _inline(self) -> Iterator["_Crops"]:
        crops = self._new_crops()
        for samples in self._samples():
            yield crops.fill(self._set, samples)

    def _by_workers(self) -> Iterator["_Crops"]:
        """Crop some batches ahead in threads (copying frees the interpreter's lock), in the order of the phase."""
        free = SimpleQueue[_Crops]()
        for _ in range(self._workers + 2):  # one for each task under way, one for the batch that is being sent
            free.put(self._new_crops())
        tasks = deque[Future[_Crops]]()
        pool = ThreadPoolExecutor(self._workers, "crops")
        try:
            samples = self._samples()
            while True:
                new = islice(samples, self._workers + 1 - len(tasks))
                tasks.extend(pool.submit(lambda drawn: free.get().fill(self._set, drawn), drawn) for drawn in new)
                if not tasks:
                    return
                crops = tasks.popleft().result()
                yield crops
                free.put(crops)
        finally:
            pool.shutdown(cancel_futures=True)

    def _new_crops(self) -> "_Crops":
        return _Crops(self._share, self._patch, page_locked=self._device.type == "cuda")

    def _turned(self, crops: torch.Tensor, coins: torch.Tensor) -> torch.Tensor:
        count, side = crops.shape[:2]
        first = torch.arange(count, device=crops.device) * side**2
        return gather(crops.view(-1, 3), first, torch.full_like(first, side), coins, side, self._data_range)


class _Crops:
    """Memory for the crops of one batch, filled again and again; beside a GPU it is page-locked."""

    def __init__(self, count: int, patch: int, page_locked: bool) -> None:
        def empty(*shape: int, dtype: torch.dtype = torch.uint8) -> torch.Tensor:
            return torch.empty((count, *shape), dtype=dtype, pin_memory=page_locked)

        self._lr, self._hr = empty(patch // SCALE, patch // SCALE, 3), empty(patch, patch, 3)
        self._coins = empty(3, dtype=torch.bool)
        self._sent: torch.cuda.Event | None = None

    def fill(self, packed_set: PackedSet, samples: Samples) -> "_Crops":
        if self._sent is not None:
            self._sent.synchronize()  # waits for the copy of the batch before last, which is long done
        crop_batch(packed_set, samples, self._lr.numpy(), self._hr.numpy())
        self._coins.numpy()[:] = samples.coins
        return self

    def send(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        sent = [tensor.to(device, non_blocking=True) for tensor in (self._lr, self._hr, self._coins)]
        if device.type == "cuda":
            self._sent = torch.cuda.current_stream(device).record_event()
        return sent[0], sent[1], sent[2]


def _ahead(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """Make batches on a stream of their own, beside the training of the batch before; nothing waits on the host."""
    side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    upcoming = iter(batches)
    under_way = deque[tuple[Batch, torch.cuda.Event]]()
    while True:
        with torch.cuda.stream(side):
            while len(under_way) < _AHEAD and (batch := next(upcoming, None)) is not None:
                under_way.append((batch, side.record_event()))
        if not under_way:
            return
        batch, made = under_way.popleft()
        training = torch.cuda.current_stream(device)
        training.wait_event(made)
        for tensor in batch:
            tensor.record_stream(training)
        yield batch


def _check(packed_set: PackedSet, patch: int) -> None:
    if not len(packed_set):
        raise EsrError(f"{packed_set.manifest} holds no images at this scale; choose another set or scale")
    if not len(fitting(packed_set.sizes, patch)):
        raise EsrError(
            f"{packed_set.manifest}: a patch of {patch} px fits into none of its {len(packed_set)} images; "
            f"choose a smaller patch, or a set of larger images"
        )
