"""What every torture process needs, imported once in the server that the processes are forked from."""

import contextlib
import importlib
import threading

for _name in (
    "alignedcut_viewer.cli",
    "alignedcut_viewer.backbones.loading",
    "alignedcut_viewer.backbones.vit_timm",
    "alignedcut_viewer.concepts",
    "alignedcut_viewer.figures",
    "alignedcut_viewer.figures.catalogue",
    "alignedcut_viewer.images",
    "alignedcut_viewer.pipeline.segment_stage",
    "alignedcut_viewer.pipeline.stages",
    "alignedcut_viewer.pipeline.mask_export",
    "alignedcut_viewer.segmentation.formats",
    "alignedcut_viewer.spectral.tsne",
    "alignedcut_viewer.pipeline.adding",
    "alignedcut_viewer.pipeline.repairing",
    "alignedcut_viewer.viewer.state.session_file",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "safetensors.numpy",
    "sklearn.cluster",
    "skimage.measure",
    "tifffile",
    "timm",
    "tqdm",
    "zarr",
):
    importlib.import_module(_name)

for _name in ("aiobotocore.session", "s3fs"):  # of an extra
    with contextlib.suppress(ImportError):
        importlib.import_module(_name)

# By default tqdm makes a semaphore in each process, which a process that is killed never gives back.
importlib.import_module("tqdm").tqdm.set_lock(threading.RLock())
