"""SAM-HQ's last part, put together from the port's layers as its authors have it.

transformers' own (4.57 and 5.23 were read) drops what the two-way attention makes of the image, and draws the masks
from the image's untouched, transposed embedding instead: with the same weights its masks are not those of SAM-HQ.
tests/native/test_sam_hq_parity.py holds this one to the authors' package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def box_logits(model: Any, embedding: Tensor, edges: Tensor, boxes: Tensor) -> Tensor:
    """One mask for each box of one image (n x 4, in the frame of the encoder): logits, n x height x width.

    `embedding` is what the encoder made of the image (1 x channels x h x w), `edges` are its `fine_edges`.
    """
    import torch

    decoder = model.mask_decoder
    sparse, dense = model.prompt_encoder(
        input_points=None, input_labels=None, input_boxes=boxes[None], input_masks=None
    )
    learnt = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight, decoder.hq_token.weight])
    tokens = torch.cat([learnt[None, None].expand(1, len(boxes), -1, -1), sparse.to(learnt.dtype)], dim=2)
    image = (embedding + dense).repeat_interleave(len(boxes), 0)
    positions = model.get_image_wide_positional_embeddings().to(image.dtype).repeat_interleave(len(boxes), 0)
    answers, seen = decoder.transformer(
        point_embeddings=tokens,
        image_embeddings=image,
        image_positional_embeddings=positions,
        attention_similarity=None,
        target_embedding=None,
    )[:2]
    seen = seen.transpose(2, 3).reshape(image.shape)

    coarse = decoder.upscale_conv1(seen)
    coarse = decoder.activation(decoder.upscale_layer_norm(coarse))
    coarse = decoder.activation(decoder.upscale_conv2(coarse))
    fine = _sharpened(decoder, coarse) + edges

    # Behind the token of the mask's quality stand those of the masks: the first of SAM's is the single one, and the
    # last is SAM-HQ's own.
    single = decoder.output_hypernetworks_mlps[0](answers[0, :, 1])
    own = decoder.hq_mask_mlp(answers[0, :, learnt.shape[0] - 1])
    logits: Tensor = torch.einsum("nc,nchw->nhw", single, coarse) + torch.einsum("nc,nchw->nhw", own, fine)
    return logits


def _sharpened(decoder: Any, coarse: Tensor) -> Tensor:
    hidden = decoder.activation(decoder.mask_norm(decoder.mask_conv1(coarse)))
    sharpened: Tensor = decoder.mask_conv2(hidden)
    return sharpened


def fine_edges(model: Any, embedding: Tensor, early: Tensor) -> Tensor:
    """Once for an image, whatever its boxes: from its embedding and what the encoder's first global attention block
    made of it (1 x h x w x channels)."""
    decoder = model.mask_decoder
    late = decoder.encoder_conv2(decoder.activation(decoder.encoder_norm(decoder.encoder_conv1(embedding))))
    hidden = decoder.compress_vit_conv1(early.permute(0, 3, 1, 2).contiguous())
    edges: Tensor = late + decoder.compress_vit_conv2(decoder.activation(decoder.compress_vit_norm(hidden)))
    return edges
