"""The segment model: input tracks, encoder, scores of labels."""
